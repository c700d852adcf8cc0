"""What a falco.yaml may hold, for tests: all of Falco 0.44's keys, as it ships them or changed."""

from __future__ import annotations

from typing import Any

SHIPPED: dict[str, Any] = {
    "config_files": ["/etc/falco/config.d"],
    "watch_config_files": True,
    "rules_files": [
        *("/etc/falco/falco_rules.yaml", "/etc/falco/falco_rules.local.yaml"),
        "/etc/falco/rules.d",
    ],
    "engine": {
        "kind": "modern_ebpf",
        "kmod": {"buf_size_preset": 4, "drop_failed_exit": False},
        "replay": {"capture_file": ""},
        "modern_ebpf": {
            "cpus_for_each_buffer": 2,
            "buf_size_preset": 4,
            "drop_failed_exit": False,
            "disable_iterators": False,
        },
    },
    "load_plugins": [],
    "plugins_hostinfo": True,
    "plugins": [
        {
            "name": "container",
            "library_path": "libcontainer.so",
            "init_config": {"with_size": False},
        },
        {"name": "k8saudit", "library_path": "libk8saudit.so", "open_params": "http://:9765/a"},
    ],
    "time_format_iso_8601": False,
    "buffer_format_base64": False,
    "priority": "debug",
    "json_output": False,
    "json_include_output_property": True,
    "json_include_message_property": False,
    "json_include_output_fields_property": True,
    "json_include_tags_property": True,
    "buffered_outputs": False,
    "rule_matching": "first",
    "outputs_queue": {"capacity": 0},
    "append_output": [{"suggested_output": True}],
    "stdout_output": {"enabled": True},
    "syslog_output": {"enabled": True},
    "file_output": {"enabled": False, "keep_alive": False, "filename": "./events.txt"},
    "http_output": {
        "enabled": False,
        "url": "",
        "user_agent": "falcosecurity/falco",
        "insecure": False,
        "ca_path": "/etc/ssl/certs",
        "mtls": False,
        "keep_alive": False,
        "max_consecutive_timeouts": 5,
    },
    "program_output": {"enabled": False, "keep_alive": False, "program": "jq ."},
    "webserver": {
        "enabled": True,
        "listen_port": 8765,
        "k8s_healthz_endpoint": "/healthz",
        "prometheus_metrics_enabled": False,
    },
    "log_stderr": True,
    "log_syslog": True,
    "log_level": "info",
    "libs_logger": {"enabled": True, "severity": "info"},
    "output_timeout": 2000,
    "syscall_event_timeouts": {"max_consecutives": 1000},
    "syscall_event_drops": {
        "threshold": 0.1,
        "actions": ["log", "alert"],
        "rate": 0.03333,
        "max_burst": 1,
        "simulate_drops": False,
    },
    "metrics": {"enabled": False, "interval": "1h", "output_rule": True},
    "capture": {"enabled": False, "path_prefix": "/tmp/falco", "mode": "rules"},
    "base_syscalls": {"custom_set": [], "repair": False, "all": False},
    "falco_libs": {"thread_table_size": 262144, "snaplen": 80},
}


def changed(**keys: Any) -> dict[str, Any]:
    """What Falco ships, with other values; "a.b" is written a__b."""
    value: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in SHIPPED.items()}
    for name, item in keys.items():
        *above, last = name.split("__")
        part = value
        for key in above:
            part[key] = part = dict(part.get(key, {}))
        part[last] = item
    return value

"""Falco's configuration as ours: each setting where it belongs, all others named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidekick.compat import falco
from sidekick.compat.falco.fragments import Fragment, fragments, merge
from sidekick.compat.falco.keys import KEYS
from sidekick.compat.migration import migrate
from sidekick.settings import Settings, load
from tests.compat.falco_yaml import SHIPPED, changed


def value(**keys: Any) -> dict[str, Any]:
    return falco.translate(changed(**keys)).value


def at(path: str, **keys: Any) -> Any:
    """Our setting for these of Falco's, None without one."""
    found: Any = value(**keys)
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def loaded(folder: Path, keys: dict[str, Any], **environ: str) -> Settings:
    """The settings of what is written for a configuration."""
    made = migrate(falco.translate(keys), "Falco's falco.yaml", with_files=True)
    for name, text in made.secrets.items():
        (folder / "secrets").mkdir(exist_ok=True)
        (folder / "secrets" / name).write_text(text)
    file = folder / "sidekick.yaml"
    file.write_text(made.text)
    return load(file, environ)


def test_what_falco_ships_works_here_as_it_does_there(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SHIPPED)
    assert settings.rules.files == tuple(SHIPPED["rules_files"])
    assert not settings.dedup.enabled
    assert settings.sensor.repeats == 0
    assert {name: sink.type for name, sink in settings.sinks.items()} == {
        "stdout": "stdout",
        "syslog": "syslog",
    }
    assert settings.sinks["stdout"].format == "falco_text"  # type: ignore[attr-defined]
    assert settings.sensor.drops.threshold == 0.1
    assert settings.sensor.buffer == 8 << 20
    assert not settings.sources


def test_of_what_falco_ships_nothing_is_missing() -> None:
    made = falco.translate(SHIPPED)
    assert made.warnings == ("config_files: sidekick knows no such setting of Falco's",)
    assert set(made.needless) == {
        *("log_syslog", "libs_logger", "outputs_queue.capacity", "plugins_hostinfo"),
        *("falco_libs.thread_table_size", "webserver.enabled"),
    }


@pytest.mark.parametrize(
    ("keys", "path", "wanted"),
    [
        ({"rules_files": "/r.yaml"}, "rules.files", ["/r.yaml"]),
        ({"rules": [{"disable": {"tag": "x"}}]}, "rules.select", [{"disable": {"tag": "x"}}]),
        ({"priority": "info"}, "rules.priority", "info"),
        ({"rule_matching": "all"}, "rules.matching", "all"),
        ({"time_format_iso_8601": True}, "rules.time_format_iso_8601", True),
        (
            {"append_output": [{"extra_output": "a"}]},
            "rules.append_output",
            [{"extra_output": "a"}],
        ),
        ({"static_fields": {"n": 1}}, "rules.static_fields", {"n": "1"}),
        ({"outputs_queue__capacity": 5000}, "sensor.queue", 5000),
        ({"outputs_queue__capacity": 0}, "sensor.queue", None),
        ({"syscall_event_drops__actions": ["exit"]}, "sensor.drops.actions", ["exit"]),
        ({"syscall_event_drops__actions": []}, "sensor.drops.actions", ["ignore"]),
        ({"syscall_event_drops__rate": 2}, "sensor.drops.rate", 2),
        ({"syscall_event_drops__max_burst": 9}, "sensor.drops.max_burst", 9),
        ({"syscall_event_drops__simulate_drops": True}, "sensor.drops.simulate", True),
        ({"engine__modern_ebpf": {"buf_size_preset": 6}}, "sensor.buffer", "32MiB"),
        ({"syscall_buf_size_preset": 1}, "sensor.buffer", "1MiB"),
        ({"engine__kind": "nodriver"}, "sensor.enabled", False),
        ({"falco_libs__snaplen": 256}, "sensor.snaplen", 256),
        ({"falco_libs__snaplen": 65000}, "sensor.snaplen", 4096),
        ({"falco_libs__snaplen": 0}, "sensor.snaplen", None),
        ({"falco_libs__thread_table_size": 1000}, "sensor.processes", 1000),
        ({"base_syscalls__custom_set": ["clone", "!sendto"]}, "sensor.ignore_calls", ["sendto"]),
        ({"log_level": "critical"}, "logging.level", "error"),
        ({"json_output": True}, "sinks.stdout.format", "falco"),
        (
            {"json_output": True, "json_include_tags_property": False},
            "sinks.stdout.falco_properties",
            ["output", "output_fields"],
        ),
        (
            {"container_engines": {"docker": {"enabled": False}}},
            "sensor.containers.docker",
            ["/run/podman/podman.sock"],
        ),
        (
            {"container_engines": {"cri": {"sockets": ["/c.sock"]}}},
            "sensor.containers.cri",
            ["/c.sock", "/run/containerd/containerd.sock"],
        ),
    ],
    ids=lambda one: str(one)[:50],
)
def test_a_setting_has_its_counterpart(
    tmp_path: Path, keys: dict[str, Any], path: str, wanted: Any
) -> None:
    assert at(path, **keys) == wanted
    loaded(tmp_path, changed(**keys))  # and it is one that sidekick takes


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"program_output__enabled": True}, "program_output.program: sidekick starts no programs"),
        ({"grpc": {"enabled": True}}, "grpc.enabled: sidekick has no gRPC"),
        ({"capture__enabled": True}, "capture.enabled: sidekick records no captures"),
        ({"engine__kind": "gvisor"}, "engine.kind: gvisor: sidekick does not watch"),
        ({"engine__kind": "replay"}, "engine.kind: replay: sidekick reads no captures"),
        ({"load_plugins": ["cloudtrail"]}, "plugins.cloudtrail: sidekick has no such source"),
        ({"outputs": {"rate": 1, "max_burst": 5}}, "outputs.rate: alerts are not throttled"),
        ({"engine__modern_ebpf": {"buf_size_preset": 11}}, "buf_size_preset: wanted 1 to 10"),
        ({"of_a_later_falco": 1}, "of_a_later_falco: sidekick knows no such setting"),
        ({"falco_libs__new": 1}, "falco_libs.new: sidekick knows no such setting"),
    ],
    ids=str,
)
def test_what_has_no_counterpart_is_named(keys: dict[str, Any], told: str) -> None:
    assert any(told in warning for warning in falco.translate(changed(**keys)).warnings)


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"base_syscalls__repair": True}, "base_syscalls.repair"),
        ({"base_syscalls__custom_set": ["clone"]}, "base_syscalls.custom_set"),
        (
            {"engine__modern_ebpf": {"drop_failed_exit": True}},
            "engine.modern_ebpf.drop_failed_exit",
        ),
        ({"metrics__enabled": True}, "metrics.enabled"),
        ({"load_plugins": ["json"]}, "plugins.json"),
        ({"buffered_outputs": True}, "buffered_outputs"),
    ],
    ids=str,
)
def test_what_needs_no_counterpart_says_why(keys: dict[str, Any], name: str) -> None:
    assert falco.translate(changed(**keys)).needless[name]


def test_the_hub_that_falco_posts_to_is_one_here(tmp_path: Path) -> None:
    http = {
        "enabled": True,
        "url": "https://hub.example:2801/token/a-secret",
        "insecure": False,
        "ca_cert": "/ca.pem",
        "mtls": True,
        "client_cert": "/c.crt",
        "client_key": "/c.key",
        "compress_uploads": True,
    }
    made = migrate(falco.translate(changed(http_output=http)), "x", with_files=False)
    assert "a-secret" not in made.text
    assert "`sidekick sensor --to" in made.text.replace("\n  # ", " ").replace("\n    # ", " ")
    sink: Any = loaded(tmp_path, changed(http_output=http)).sinks["http"]
    assert sink.url.get_secret_value() == http["url"]
    assert (str(sink.tls.ca_file), str(sink.tls.cert_file)) == ("/ca.pem", "/c.crt")
    assert sink.compat == "falcosidekick"


def test_references_to_variables_stay_references(tmp_path: Path) -> None:
    http = {"enabled": True, "url": "http://${HUB}:2801"}
    keys = changed(http_output=http, static_fields={"site": "${SITE}", "text": "$${SITE}"})
    settings = loaded(tmp_path, keys, HUB="h", SITE="s")
    assert settings.rules.static_fields == {"site": "s", "text": "${SITE}"}
    sink: Any = settings.sinks["http"]
    assert sink.url.get_secret_value() == "http://h:2801"


def test_without_an_output_alerts_are_printed(tmp_path: Path) -> None:
    keys = changed(stdout_output={"enabled": False}, syslog_output={"enabled": False})
    assert set(loaded(tmp_path, keys).sinks) == {"stdout"}
    assert any("no output is on" in told for told in falco.translate(keys).warnings)


def test_the_audit_plugin_is_a_source(tmp_path: Path) -> None:
    plugin = {
        "name": "k8saudit",
        "open_params": "https://0.0.0.0:9999/audit",
        "init_config": {"sslCertificate": "/etc/falco/falco.pem", "maxEventSize": 262144},
    }
    keys = changed(load_plugins=["k8saudit", "json"], plugins=[plugin])
    source: Any = loaded(tmp_path, keys).sources["k8s_audit"]
    assert (source.address, source.port, source.path) == ("0.0.0.0", 9999, "/audit")
    assert str(source.tls.cert_file) == str(source.tls.key_file) == "/etc/falco/falco.pem"
    assert source.event_limit == 262144
    told = falco.translate(changed(load_plugins=["k8saudit"], plugins=[{"name": "k8saudit"}]))
    assert told.value["sources"]["k8s_audit"]["port"] == 9765


def test_the_container_plugin_says_where_to_ask() -> None:
    engines = {"docker": {"enabled": True, "sockets": ["/d.sock"]}, "cri": {"enabled": False}}
    plugin = {"name": "container", "init_config": {"engines": engines}}
    found = value(load_plugins=["container"], plugins=[plugin])["sensor"]["containers"]
    assert found == {
        "docker": ["/d.sock", "/run/podman/podman.sock"],
        "cri": ["/run/containerd/containerd.sock"],
    }


@pytest.mark.parametrize(
    ("value", "is_falcos"),
    [
        (SHIPPED, True),
        ({"rules_file": "/r.yaml"}, True),
        ({"rules": [], "json_output": True}, True),
        ({"json_output": True, "sinks": {}}, False),
        ({"rules": {"files": []}}, False),
        ({"slack": {"webhookurl": "x"}}, False),
        ({"priority": "debug"}, False),
        ({}, False),
    ],
    ids=lambda one: str(one)[:40],
)
def test_falcos_keys_are_told_from_others(value: dict[str, Any], is_falcos: bool) -> None:
    assert falco.recognise(value, Settings.model_fields) is is_falcos


_ITEMS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(SHIPPED)), _ITEMS, max_size=6))
def test_whatever_stands_there_something_readable_is_written(keys: dict[str, Any]) -> None:
    made = falco.translate(keys)
    text = migrate(made, "Falco's falco.yaml", with_files=True).text
    assert isinstance(yaml.safe_load(text), dict)


# -- further files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        ("append", {"list": [1, 2, 3], "text": "b", "map": {"y": 1}, "new": 1, "old": 0}),
        ("override", {"list": [3], "text": "b", "map": {"y": 1}, "new": 1, "old": 0}),
        ("add-only", {"list": [1, 2], "text": "a", "map": {"x": 1}, "new": 1, "old": 0}),
    ],
)
def test_files_are_merged_as_falco_merges_them(strategy: str, wanted: dict[str, Any]) -> None:
    value = {"list": [1, 2], "text": "a", "map": {"x": 1}, "old": 0}
    more = {"list": [3], "text": "b", "map": {"y": 1}, "new": 1}
    assert merge(value, more, strategy) == wanted


def test_further_files_are_paths_with_or_without_a_strategy() -> None:
    named = ["/a", {"path": "/b", "strategy": "override"}, {"path": "/c"}]
    assert fragments({"config_files": named}) == [
        Fragment("/a"),
        Fragment("/b", "override"),
        Fragment("/c"),
    ]
    assert fragments({}) == []


@pytest.mark.parametrize("entry", [5, {}, {"path": "/a", "strategy": "replace"}, [["/a"]]])
def test_what_is_no_further_file_is_refused(entry: Any) -> None:
    with pytest.raises(ValueError, match="config_files: wanted"):
        fragments({"config_files": entry})


# -- the page ------------------------------------------------------------------------------------


def test_every_setting_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "falco.md").read_text()
    names = {key.name for key in KEYS if key.to or key.needless or key.missing}
    # "metrics" stands for "metrics.enabled", "sensor.drops" for what is in it.
    named = {name for name in names if f"`{name}`" in page or f"`{name.partition('.')[0]}`" in page}
    assert names - named == set()
    ours = {key.to.partition(".drops.")[0] for key in KEYS if key.to}
    assert {to for to in ours if f"`{to}" not in page} == set()

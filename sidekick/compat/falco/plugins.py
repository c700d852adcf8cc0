"""Falco's plugins: those whose events and fields sidekick has itself, and all others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sidekick.compat.falco.containers import of_engines
from sidekick.compat.falco.file import FalcoFile, listed
from sidekick.compat.translation import Draft, Setting

_BUILT_IN = {
    "container": "sidekick asks the container engines itself: sensor.containers",
    "json": "its fields are there",
    "k8smeta": "names and labels of pods come from the container engine; of their owners nothing",
}
_OPEN = re.compile(
    r"(?P<scheme>https?)://(?P<address>[^:/]*|\[[^]]*\])(:(?P<port>\d+))?(?P<path>/.*)?"
)
_SOURCE = ("sources", "k8s_audit")


def translate(file: FalcoFile, draft: Draft) -> None:
    """What becomes of those that are loaded."""
    chosen = file.take("load_plugins")
    plugins = [plugin for plugin in listed(file.take("plugins")) if isinstance(plugin, Mapping)]
    by_name = {str(plugin.get("name", "")): plugin for plugin in plugins}
    names = [str(name) for name in listed(chosen)] if chosen is not None else list(by_name)
    for name in names:
        _plugin(name, by_name.get(name, {}), draft)
    if file.take("plugins_hostinfo") is not None:
        draft.needless["plugins_hostinfo"] = "sidekick loads no plugins"


def _plugin(name: str, plugin: Mapping[str, Any], draft: Draft) -> None:
    if name == "k8saudit":
        _audit(plugin, draft)
    elif name in _BUILT_IN:
        draft.needless[f"plugins.{name}"] = _BUILT_IN[name]
        settings = plugin.get("init_config")
        engines = settings.get("engines") if isinstance(settings, Mapping) else None
        if name == "container" and isinstance(engines, Mapping):
            of_engines(engines, "plugins.container.init_config.engines", draft)
    else:
        draft.warn(f"plugins.{name}: sidekick has no such source of events and loads no plugins")


def _audit(plugin: Mapping[str, Any], draft: Draft) -> None:
    """The webhook of ``open_params``; Falco's other way, a file of events, is a command here."""
    key = "plugins.k8saudit.open_params"
    address = _OPEN.fullmatch(str(plugin.get("open_params") or "http://:9765/k8s-audit"))
    if address is None:
        draft.warn(f"{key}: audit events of files are read by `sidekick rules eval`")
        return
    draft.set(Setting((*_SOURCE, "type"), "k8s_audit", "plugins.k8saudit"))
    if port := address["port"]:
        draft.set(Setting((*_SOURCE, "port"), int(port), key))
    if address["address"]:
        draft.set(Setting((*_SOURCE, "address"), address["address"].strip("[]"), key))
    if path := address["path"]:
        draft.set(Setting((*_SOURCE, "path"), path, key))
    settings = plugin.get("init_config")
    settings = settings if isinstance(settings, Mapping) else {}
    if address["scheme"] == "https":
        bundle = str(settings.get("sslCertificate") or "/etc/falco/falco.pem")
        for part in ("cert_file", "key_file"):
            why = "one file with both"
            draft.set(Setting((*_SOURCE, "tls", part), bundle, "sslCertificate", why=why))
    for name, to in (("webhookMaxBatchSize", "body_limit"), ("maxEventSize", "event_limit")):
        if settings.get(name):
            draft.set(Setting((*_SOURCE, to), settings[name], name))

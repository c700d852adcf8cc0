"""Falco's output channels as sinks, which write the lines that Falco writes."""

from __future__ import annotations

from typing import Any

from sidekick.compat.falco.file import FalcoFile
from sidekick.compat.translation import Draft, Setting

_PROPERTIES = (("output", True), ("tags", True), ("message", False), ("output_fields", True))
_HUB = (
    "alerts as falcosidekick posts them. If a sidekick hub is there, run `sidekick sensor --to "
    "ADDRESS -c FILE` in place of `sidekick run`: then it hears of the sensor also when there is "
    "no alert, and they wait on disk while it is away"
)
_PROGRAM = "sidekick starts no programs; a webhook can do the same, and waits while it fails"
_NO_HTTP = {
    "echo": "the answers of receivers that fail are in the log",
    "compress_uploads": "Falco does not pack what it sends either; here gzip does",
    "keep_alive": "connections are kept",
    "max_consecutive_timeouts": "what fails is tried again for lane.give_up_after",
}


def translate(file: FalcoFile, draft: Draft) -> None:
    """Those that are on; if none is, standard output, or nobody would hear of anything."""
    line = _line(file)
    if file.truth("stdout_output.enabled"):
        _sink(draft, "stdout", {"type": "stdout", **line}, "stdout_output")
    if file.truth("file_output.enabled"):
        _file(file, draft, line)
    if file.truth("syslog_output.enabled"):
        _syslog(draft, line["format"] == "falco")
    if file.truth("http_output.enabled"):
        _http(file, draft)
    if file.truth("program_output.enabled"):
        draft.warn(f"program_output.program: {_PROGRAM}")
    for channel in ("stdout", "file", "syslog", "http", "program", "grpc"):
        file.take(f"{channel}_output")
    if not draft.sinks():
        draft.warn("no output is on that sidekick has: alerts are printed, a line each")
        _sink(draft, "stdout", {"type": "stdout", **line}, "")


def _line(file: FalcoFile) -> dict[str, Any]:
    """The settings of a sink for a line such as Falco writes it."""
    as_json = file.truth("json_output")
    wanted = [
        name for name, usual in _PROPERTIES if file.truth(f"json_include_{name}_property", usual)
    ]
    if not as_json:
        return {"format": "falco_text"}
    usual = [name for name, on in _PROPERTIES if on]
    return {"format": "falco"} | ({} if wanted == usual else {"falco_properties": wanted})


def _sink(draft: Draft, name: str, settings: dict[str, Any], key: str, why: str = "") -> None:
    for setting, value in settings.items():
        told = why if setting == "type" else ""
        draft.set(Setting(("sinks", name, setting), value, key, why=told, raw=True))
        key = ""


def _file(file: FalcoFile, draft: Draft, line: dict[str, Any]) -> None:
    path = file.text("file_output.filename") or "./events.txt"
    why = "a new file at 100 MiB, ten are kept; Falco's grows: rotate_size, keep"
    _sink(draft, "file", {"type": "file", "path": path, **line}, "file_output", why)


def _syslog(draft: Draft, as_json: bool) -> None:
    settings = {"type": "syslog", "protocol": "unix", "host": "/dev/log", "facility": "user"}
    settings |= {"app_name": "falco"} | ({"message": "json"} if as_json else {})
    why = "JSON is the alert's document, which has Falco's keys and more" if as_json else ""
    _sink(draft, "syslog", settings, "syslog_output", why)


def _http(file: FalcoFile, draft: Draft) -> None:
    below = ("sinks", "http")
    draft.set(Setting((*below, "type"), "webhook", "http_output", why=_HUB))
    draft.set(Setting((*below, "compat"), "falcosidekick"))
    url = file.text("http_output.url")
    # An address may have a token in it.
    draft.set(
        Setting((*below, "url"), url, "http_output.url", secret="${" not in url, raw="${" in url)
    )
    agent = file.text("http_output.user_agent")
    if agent not in ("", "falcosecurity/falco"):
        draft.set(Setting((*below, "headers", "User-Agent"), agent, "http_output.user_agent"))
    if file.truth("http_output.insecure"):
        draft.set(Setting((*below, "tls", "verify"), False, "http_output.insecure"))
    for name in ("ca_bundle", "ca_cert"):
        if path := file.text(f"http_output.{name}"):
            draft.set(Setting((*below, "tls", "ca_file"), path, f"http_output.{name}", raw=True))
    if (path := file.text("http_output.ca_path")) not in ("", "/etc/ssl/certs"):
        draft.warn(
            f"http_output.ca_path: {path}: sidekick wants a file, tls.ca_file, or the system's"
        )
    if file.truth("http_output.mtls"):
        for name in ("cert", "key"):
            path = file.text(f"http_output.client_{name}") or f"/etc/ssl/certs/client.{name[:3]}"
            key = f"http_output.client_{name}"
            draft.set(Setting((*below, "tls", f"{name}_file"), path, key, raw=True))
    for name, reason in _NO_HTTP.items():
        if file.truth(f"http_output.{name}"):
            draft.needless[f"http_output.{name}"] = reason

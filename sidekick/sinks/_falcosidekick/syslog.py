"""falcosidekick's line of syslog: as Go's log/syslog frames it, JSON or CEF inside."""

from __future__ import annotations

import re

from sidekick import go_json
from sidekick.model import Priority
from sidekick.sinks._falcosidekick.payload import Payload

_SEVERITIES = {"Debug": 0, "Informational": 3, "Notice": 4, "Warning": 6, "Error": 7}
_SEVERITIES |= {"Critical": 8, "Alert": 9, "Emergency": 10}
_BREAKS = re.compile("[\r\n]+")


def line(alert: Payload, now: str, host: str, process: int, as_cef: bool) -> bytes:
    """``<SEVERITY>NOW HOST Falco[PROCESS]: MESSAGE`` and a newline; facility kern, as there."""
    severity = 8 - Priority[alert.priority.upper()]
    text = _cef(alert).encode(errors="replace") if as_cef else alert.json
    return b"<%d>%b %b Falco[%d]: %b\n" % (severity, now.encode(), host.encode(), process, text)


def _cef(alert: Payload) -> str:
    """ArcSight's Common Event Format, with falcosidekick's keys in its order.

    What CEF wants escaped is escaped: falcosidekick leaves that out, so that an output with a
    ``=`` makes keys of its own (and a newline ends the line).
    """
    extension = {
        "uuid": alert.uuid,
        "start": f"{alert.time[:19]}{alert.time[19:].lstrip('.0123456789')}",
        "msg": alert.output,
        "source": alert.source,
    }
    if alert.hostname:
        extension["hostname"] = alert.hostname
    fields = (f"{name}:{go_json.text(value)}" for name, value in alert.fields.items())
    extension["outputfields"] = " ".join(fields)
    if alert.tags:
        extension["tags"] = ",".join(alert.tags)
    head = f"CEF:0|Falcosecurity|Falco|1.0|Falco Event|{_header(alert.rule)}"
    told = " ".join(f"{key}={_extension(text)}" for key, text in extension.items())
    return f"{head}|{_SEVERITIES[alert.priority]}|{told}".rstrip(" ")


def _header(text: str) -> str:
    return _BREAKS.sub(" ", text).replace("\\", "\\\\").replace("|", "\\|")


def _extension(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n").replace("\r", "\\r")

"""Keys that are set and that no table knows: of outputs that we lack, or misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from sidekick.compat.absent import ABSENT
from sidekick.compat.key import variable
from sidekick.compat.outputs import outputs
from sidekick.compat.service import SERVICE
from sidekick.compat.source import Source
from sidekick.compat.translation import Draft


def warn(source: Source, draft: Draft) -> None:
    """A sentence for each output that we lack, and one for each key that nobody has."""
    left = set(source.keys()) - known_keys()
    for name, switch in ABSENT.items():
        own = sorted(key for key in left if key.startswith(f"{name}."))
        left -= set(own)
        if switch and (given := source.given(switch)):
            draft.warn(
                f"{given.variable or switch}: sidekick has no output {name} yet, nobody is told "
                "there; the webhook or Kafka sink may reach the same people"
            )
        elif own:
            draft.warn(f"{', '.join(own)}: sidekick has no output {name} yet")
    _misspelt(source, draft)
    for key in sorted(left):
        if not any(key.startswith(f"{name}.") for name in maps()):
            draft.warn(f"{key}: falcosidekick has no such key{_near(key)}; it is without effect")


def _misspelt(source: Source, draft: Draft) -> None:
    """Variables with a "_" too many or too few, as SLACK_WEBHOOK_URL."""
    known = {variable(key) for key in (*known_keys(), *filter(None, ABSENT.values()))}
    by_letters = {name.replace("_", ""): name for name in known}
    for name in source.variables():
        meant = by_letters.get(name.replace("_", ""))
        if meant is not None and name not in known:
            draft.warn(f"{name}: falcosidekick has no such variable; did you mean {meant}?")


def unread(environ: Mapping[str, str], sinks: Any) -> list[str]:
    """Sentences about variables that switch outputs on, where a file with our keys counts alone
    and has no such sink among its ``sinks``."""
    found = sinks.values() if isinstance(sinks, dict) else ()
    types = {str(sink.get("type")) for sink in found if isinstance(sink, dict)}
    warnings = []
    for output in outputs():
        names = [variable(output.full(name)) for name in output.switches]
        if all(environ.get(name) for name in names) and output.sink not in types:
            warnings.append(
                f"{names[0]}: falcosidekick's variables are not read beside a file with sidekick's "
                f"keys; add a sink of the type {output.sink}, or unset it"
            )
    return warnings


def known_keys() -> frozenset[str]:
    """Every key of the tables."""
    tables = (SERVICE, *outputs())
    return frozenset(table.full(key.name) for table in tables for key in table.keys)


def maps() -> Iterator[str]:
    """The keys beneath which the user chooses names."""
    for table in (SERVICE, *outputs()):
        yield from (table.full(key.name) for key in table.keys if key.kind in ("map", "fields"))


def variables() -> frozenset[str]:
    """The variables with one of which the environment alone is a configuration of falcosidekick's.

    DEBUG and AWS_REGION are others' as well: they alone are none.
    """
    switches = [output.full(name) for output in outputs() for name in output.switches]
    own = [key.name for key in SERVICE.keys if key.name != "debug"]
    names = (*switches, *filter(None, ABSENT.values()), *own)
    return frozenset(map(variable, names))


def sections() -> frozenset[str]:
    """The names at the top of falcosidekick's file."""
    return frozenset(key.partition(".")[0] for key in (*known_keys(), *ABSENT))


def _near(key: str) -> str:
    near = difflib.get_close_matches(key, known_keys() | set(ABSENT.values()), n=1, cutoff=0.8)
    return f'; did you mean "{near[0]}"?' if near else ""

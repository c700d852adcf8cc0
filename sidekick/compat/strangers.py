"""Keys that are set and that no table knows: of outputs that we lack, or misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

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
    for key in sorted(left):
        if not any(key.startswith(f"{name}.") for name in maps()):
            draft.warn(f"{key}: falcosidekick has no such key{_near(key)}; it is without effect")


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

"""What falcosidekick adds to alerts, and its other maps and lists of names."""

from __future__ import annotations

import re

from msgspec.structs import replace

from sidekick.compat.key import Key, Path
from sidekick.compat.source import Given, Source
from sidekick.compat.translation import Draft, Setting

_VARIABLE = re.compile(r"%([A-Za-z_][A-Za-z0-9_]*)")
_OVER = "an added field takes the place of an alert's own of the same name, as with falcosidekick"


def labels(source: Source, draft: Draft, full: str, below: Path, key: Key) -> None:
    """A list of fields that become labels, as custom and templated fields do in any case."""
    given = source.given(full) or Given("")
    added = [name for one in ("customfields", "templatedfields") for name in source.entries(one)]
    if names := key.convert(",".join([*added, given.text])):
        path = (*below, *key.to.split("."))
        draft.set(Setting(path, names, full, given.variable, given.place, why=key.differs))


def entries(source: Source, draft: Draft, full: str, below: Path, key: Key) -> None:
    """A map whose keys are the user's; ``fields`` are added to alerts, over their own."""
    found = source.entries(full)
    for name, given in found.items():
        text = given.text
        if key.kind == "fields":
            given, text = _resolved(source, draft, given)
            if not text:
                continue
        path = (*below, *key.to.split("."), name)
        # Of a variable with several entries one is no whole, unless it names another variable.
        whole = text == given.text and given.variable != "" and given is not found[name]
        draft.set(
            Setting(path, text, full, given.variable, given.place, whole, key.secret, key.differs)
        )
    if found and full in ("customfields", "templatedfields"):
        draft.set(Setting(("enrich", "overwrite"), True, why=_OVER))


def rewritten(source: Source, draft: Draft) -> None:
    """The fields that a form of outputs can tell of."""
    if ("rewrite", "output") not in draft.settings:
        return
    for key, name in (("customfields", "custom_fields"), ("templatedfields", "templated_fields")):
        if names := list(source.entries(key)):
            draft.set(Setting(("rewrite", name), names, key))


def tags(source: Source, draft: Draft, full: str, key: Key) -> None:
    """Tags that every alert gets."""
    given = source.given(full)
    if given is None:
        return
    items = [replace(given, text=item.strip()) for item in given.text.split(",") if item.strip()]
    texts = [_resolved(source, draft, item)[1] for item in items]
    path = tuple(key.to.split("."))
    found = [text for text in texts if text]
    draft.set(Setting(path, found, full, given.variable, given.place, why=key.differs))


def _resolved(source: Source, draft: Draft, given: Given) -> tuple[Given, str]:
    """What is given, with the variable for ``%NAME``, and the text that ``enrich`` takes for it;
    an empty one for a variable that is not set."""
    if match := _VARIABLE.fullmatch(given.text):
        given = Given(source.environment(match[1]), match[1])
        if not given.text:
            draft.warn(f"%{match[1]}: the environment variable {match[1]} is not set; left out")
    return given, given.text.replace("{", "{{").replace("}", "}}")

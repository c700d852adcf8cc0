"""falcosidekick's least priorities of outputs as our routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidekick.compat.source import Given
from sidekick.compat.translation import Draft, Setting
from sidekick.model import Priority

_WHY = "a sink hears of what reaches its priority, and of falcosidekick's test alert"


class Thresholds:
    """Collects the outputs that do not want everything."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._found: dict[str, tuple[Priority, str, Given]] = {}

    def add(self, sink: str, key: str, given: Given) -> None:
        """The least priority that a sink wants; what falcosidekick does not know is none."""
        priority = Priority.parse(given.text)
        if priority is None or given.text.lower() == "info":
            known = "emergency, alert, critical, error, warning, notice, informational, debug"
            self._draft.warn(
                f"{given.variable or key}: wanted one of {known}; with any other text "
                "falcosidekick lets every alert pass, and so does sidekick"
            )
        else:
            self._found[sink] = priority, key, given

    def settings(self, sinks: Sequence[str]) -> Iterator[Setting]:
        """Every alert to every sink that wants it; nothing to say if all want all."""
        if not self._found:
            return
        routes = [
            {"name": name, "match": _condition(priority), "lanes": [name], "continue": True}
            for name, (priority, _, _) in self._found.items()
        ]
        others = [name for name in sinks if name not in self._found]
        keys = ", ".join(key for _, key, _ in self._found.values())
        yield Setting(("route", "lanes"), [], why="each route below names its own")
        yield Setting(
            ("route", "routes"), [*routes, {"name": "others", "lanes": others}], keys, why=_WHY
        )


def _condition(priority: Priority) -> str:
    return f'alert.priority >= {priority.name.lower()} or alert.rule = "Test rule"'

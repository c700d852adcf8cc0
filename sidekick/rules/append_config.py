"""The settings of what is added to the outputs of rules, with Falco's keys."""

from __future__ import annotations

from sidekick.rules.append import AppendOutput
from sidekick.section import Section


class MatchConfig(Section):
    """Which rules; all that is given must fit, and nothing fits any rule."""

    rule: str = ""
    """The name of the rule."""
    source: str = ""
    """The source of its events: `syscall` or `k8s_audit`."""
    tags: tuple[str, ...] = ()
    """Tags that it must have, all of them."""


class AppendConfig(Section):
    """An addition to outputs."""

    match: MatchConfig = MatchConfig()
    """The rules that get it."""
    suggested_output: bool = False
    """Add what sources suggest: for system calls the container and the pod, and `static_fields`."""
    extra_output: str = ""
    """Added to the text of the output, such as `uid=%user.uid`."""
    extra_fields: tuple[str | dict[str, str], ...] = ()
    """Added to `output_fields` alone: names of fields, or `name: format`."""

    @property
    def addition(self) -> AppendOutput:
        """The same for the engine."""
        fields: dict[str, str] = {}
        for entry in self.extra_fields:
            fields.update({entry.removeprefix("%"): ""} if isinstance(entry, str) else entry)
        return AppendOutput(
            rule=self.match.rule,
            source=self.match.source,
            tags=frozenset(self.match.tags),
            output=self.extra_output,
            suggested=self.suggested_output,
            fields=fields,
        )

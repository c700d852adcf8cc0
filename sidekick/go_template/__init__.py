"""Go's text/template, as falcosidekick's users write it in message formats and templated fields.

Everything of https://pkg.go.dev/text/template but ``define``, ``template``, ``block``, ``call`` and
complex numbers. JSON numbers compare with numbers and with their own text, where falcosidekick,
which has them as text, knows the latter only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sidekick.go_template.evaluate import Evaluation, Fault
from sidekick.go_template.fields import of_data
from sidekick.go_template.parser import parse


class Filled(NamedTuple):
    """What a template gave; ``fault`` says why it ended early, "" if it did not."""

    text: str
    fault: str


class Template:
    """A template, ready to be filled."""

    __slots__ = ("_fields", "_nodes", "text")

    def __init__(self, text: str, fields: Collection[str] | None = None) -> None:
        """``fields`` are all that the data has; without it any other is ``<no value>``.

        Raises ``ValueError`` ("1:12: ...", line and column) for what is no template, or is one
        that cannot be filled here.
        """
        self.text = text
        self._fields = fields
        self._nodes = parse(text)
        for field in of_data(self._nodes) if fields is not None else ():
            if field.name not in (fields or ()):
                known = ", ".join(sorted(fields or ()))
                raise ValueError(f"{field.place}: there is no field .{field.name}; known: {known}")

    def run(self, data: Mapping[str, Any]) -> Filled:
        """The text for these data, as far as it comes."""
        evaluation = Evaluation(data, self._fields)
        try:
            evaluation.walk(self._nodes, data)
        except Fault as fault:
            return Filled(evaluation.text, str(fault))
        return Filled(evaluation.text, "")

    def fill(self, data: Mapping[str, Any]) -> str:
        """The text for these data; after a fault what was written up to there, as Go leaves it."""
        return self.run(data).text

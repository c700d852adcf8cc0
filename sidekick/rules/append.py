"""What is added to the outputs of rules: ``append_output`` and ``static_fields`` as in Falco."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidekick.rules.fields import FieldKind, FieldRegistry, FieldType
from sidekick.rules.output import Output, OutputError, compile_output
from sidekick.rules.ruleset import Rule

SUGGESTED: Mapping[str, str] = {
    "syscall": (
        "container_id=%container.id container_name=%container.name "
        "container_image_repository=%container.image.repository "
        "container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name "
        "k8s_ns_name=%k8s.ns.name"
    )
}
"""By source: what Falco's container plugin suggests to print with every rule."""

STATIC = "static."
"""What the names of fields begin with that are the same for all events."""


@dataclass(frozen=True, slots=True)
class AppendOutput:
    """An addition to the rules of a name, a source and with all these tags; "" matches any.

    ``output`` is added to the text behind a blank; ``suggested`` adds ``SUGGESTED``. ``fields``
    are added to ``output_fields`` alone: by name, each with its format, or with "" the value of
    the field that is called so.
    """

    rule: str = ""
    source: str = ""
    tags: frozenset[str] = frozenset()
    output: str = ""
    suggested: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)

    def matches(self, rule: Rule) -> bool:
        """Is it for this rule?"""
        return (
            self.rule in ("", rule.name)
            and self.source in ("", rule.source)
            and self.tags <= rule.definition.tags
        )


@dataclass(frozen=True, slots=True)
class Appended:
    """A rule's output with all that is added to it.

    ``typed`` are the names of fields that are added with their values, ``formatted`` those whose
    value is a text.
    """

    output: Output
    typed: tuple[tuple[str, Output], ...] = ()
    formatted: tuple[tuple[str, Output], ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """The fields that the record is asked for."""
        added = (output.keys for _, output in (*self.typed, *self.formatted))
        return self.output.keys.union(*added)

    def format(self, record: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The text for a record and its ``output_fields``."""
        text, fields = self.output.format(record)
        for name, output in self.typed:
            fields[name] = output.format(record)[1].get(name)
        for name, output in self.formatted:
            fields[name] = output.format(record)[0]
        return text, fields


class Appender:
    """Adds to outputs; what several rules get is compiled once.

    Static fields are fields as ``static.<name>``, and suggested for the rules of all sources.
    """

    def __init__(
        self,
        additions: Sequence[AppendOutput],
        static_fields: Collection[str],
        sources: Mapping[str, FieldRegistry],
    ) -> None:
        self._additions = additions
        self._names = [f"{STATIC}{name}" for name in static_fields]
        self._sources = with_static(sources, static_fields)
        self._compiled: dict[tuple[str, str], Output] = {}

    def append(self, rule: Rule) -> Appended:
        """A rule's output with what is added to it; raises OutputError."""
        output = rule.output
        typed: dict[str, Output] = {}
        formatted: dict[str, Output] = {}
        for place, addition in enumerate(self._additions):
            if not addition.matches(rule):
                continue
            for text in self._texts(addition, rule.source):
                output = output.then(self._output(rule.source, text, place))
            for name, text in addition.fields.items():
                chosen = formatted if text else typed
                chosen[name] = self._output(rule.source, text or f"%{name}", place)
        return Appended(output, (*typed.items(),), (*formatted.items(),))

    def _texts(self, addition: AppendOutput, source: str) -> Iterator[str]:
        if addition.suggested:
            if source in SUGGESTED:
                yield SUGGESTED[source]
            yield from (f"{name.replace('.', '_')}=%{name}" for name in self._names)
        if addition.output:
            yield addition.output

    def _output(self, source: str, text: str, place: int) -> Output:
        key = (source, text)
        if key not in self._compiled:
            try:
                self._compiled[key] = compile_output(text, self._sources[source])
            except OutputError as fault:
                raise OutputError(f"append_output[{place}], for {source}: {fault}") from None
        return self._compiled[key]


def with_static(
    sources: Mapping[str, FieldRegistry], static_fields: Iterable[str]
) -> dict[str, FieldRegistry]:
    """Registries that know the static fields as well."""
    kinds = {f"{STATIC}{name}": FieldKind(FieldType.STRING) for name in static_fields}
    return {name: registry.extended(kinds) for name, registry in sources.items()}

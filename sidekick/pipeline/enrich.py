"""What we know beyond the sender: custom fields, tags, tables. Its own text stays as it is."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from pydantic import Field, model_validator

from sidekick.model import Alert
from sidekick.pipeline.conditions import Condition, Conditions
from sidekick.pipeline.template import Template
from sidekick.pipeline.view import ALERT_KEYS, AlertView
from sidekick.section import Section

if TYPE_CHECKING:
    from sidekick.go_template import Template as GoTemplate

Value = str | int | float | bool


class TableConfig(Section):
    """Fields looked up by the value of a field."""

    key: str
    """The output field (or `alert.hostname`, `alert.rule` ...) whose value is looked up."""
    rows: dict[str, dict[str, Value]] = Field({})
    """The fields to add, by value of `key`."""
    csv: str = ""
    """The same as CSV text, usually `${file:owners.csv}`: the first line names the fields, the
    first column is the value of `key`; empty cells add nothing."""
    default: dict[str, Value] = Field({})
    """The fields to add when the value is not in the table."""

    @model_validator(mode="after")
    def _has_rows(self) -> TableConfig:
        if not self.rows and not self.csv:
            raise ValueError("a table needs `rows` or `csv`")
        return self


class EnrichRule(Section):
    """Fields and tags for the alerts that match."""

    match: str
    """Condition; every entry that matches counts."""
    fields: dict[str, Value] = Field({})
    """As `enrich.fields`."""
    tags: tuple[str, ...] = ()
    """As `enrich.tags`."""


class EnrichConfig(Section):
    """What is added to alerts before they are scored and routed.

    Texts may hold `{field}` or `{field|otherwise}`, the value of an output field or of `alert.*`;
    a field or tag whose text names a field without a value is not added.
    """

    fields: dict[str, Value] = Field({})
    """Output fields to add."""
    tags: tuple[str, ...] = ()
    """Tags to add."""
    tables: tuple[TableConfig, ...] = ()
    """Fields to look up."""
    rules: tuple[EnrichRule, ...] = ()
    """Fields and tags for some alerts only."""
    go_templates: dict[str, str] = Field({})
    """Output fields to add, each a template of Go's `text/template` over the output fields, added
    ones too (falcosidekick's `templatedfields`): `{{ or (index . "k8s.ns.name") "none" }}`."""
    overwrite: bool = False
    """Whether an added field takes the place of one that the alert has."""
    limit: int = Field(64 * 1024, ge=64)
    """Characters of one added text at most; the rest is cut off."""


class Enrich:
    """Adds what the configuration says; an alert that gets nothing is returned as it is."""

    def __init__(self, config: EnrichConfig, conditions: Conditions) -> None:
        self._overwrite = config.overwrite
        self._limit = config.limit
        self._tables = [
            _Table(f"enrich.tables.{n}", table, conditions) for n, table in enumerate(config.tables)
        ]
        self._rules: list[tuple[Condition | None, _Additions]] = []
        if config.fields or config.tags:
            additions = _Additions("enrich", config.fields, config.tags, conditions)
            self._rules.append((None, additions))
        for n, rule in enumerate(config.rules):
            place = f"enrich.rules.{n}"
            condition = conditions.compile(f"{place}.match", rule.match, scored=False)
            additions = _Additions(place, rule.fields, rule.tags, conditions)
            self._rules.append((condition, additions))
        self._go_templates = _go_templates(config.go_templates, conditions)
        self.active = bool(self._tables or self._rules or self._go_templates)
        names = [name for table in self._tables for name in table.names]
        names += [name for _, additions in self._rules for name in additions.names]
        names += self._go_templates
        self.added = frozenset(names)
        """The fields that may be added."""

    def enrich(self, alert: Alert) -> Alert:
        """The alert with its additions; ``fields`` and ``fields_json`` agree."""
        if not self.active:
            return alert
        view = AlertView(alert)
        fields: dict[str, Value] = {}
        tags: list[str] = []
        for table in self._tables:
            self._take(view, table.look_up(view), fields)
        for condition, additions in self._rules:
            if condition is None or condition(view):
                self._take(view, additions.fields(view), fields)
                tags += additions.tags(view)
        if self._go_templates:
            data = {**alert.fields, **fields}
            filled = {name: template.fill(data) for name, template in self._go_templates.items()}
            self._take(view, filled, fields)
        new_tags = (*alert.tags, *(tag for tag in dict.fromkeys(tags) if tag not in alert.tags))
        if not fields and new_tags == alert.tags:
            return alert
        return msgspec.structs.replace(
            alert,
            fields={**alert.fields, **fields} if fields else alert.fields,
            fields_json=spliced(alert, fields) if fields else alert.fields_json,
            tags=new_tags,
            plain=False,
        )

    def _take(self, view: AlertView, found: Mapping[str, Value], into: dict[str, Value]) -> None:
        """Later texts see what was added before them."""
        for name, value in found.items():
            if name in view and not (self._overwrite or name in into):
                continue
            into[name] = view[name] = value[: self._limit] if isinstance(value, str) else value


def spliced(alert: Alert, fields: Mapping[str, Value]) -> bytes:
    """The alert's fields as JSON with these added; what was there keeps its exact text."""
    text = alert.fields_json
    if not alert.fields.keys().isdisjoint(fields):
        kept = _decode_raw(text)
        text = _encode({name: raw for name, raw in kept.items() if name not in fields})
    inner = text.strip()[1:-1].strip()
    added = _encode(fields)
    return b"{" + inner + b"," + added[1:] if inner else added


_encode = msgspec.json.Encoder().encode
_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Additions:
    """The fields and tags of one place in the configuration."""

    def __init__(
        self, place: str, fields: Mapping[str, Value], tags: Sequence[str], conditions: Conditions
    ) -> None:
        self.names = tuple(fields)
        self._constant: dict[str, Value] = {}
        self._templates: dict[str, Template] = {}
        for name, value in fields.items():
            _check_name(f"{place}.fields", name, conditions)
            template = _template(f"{place}.fields.{name}", value, conditions)
            if template is None:
                self._constant[name] = value
            elif template.constant:
                self._constant[name] = template.fill({}) or ""
            else:
                self._templates[name] = template
        found = [_template(f"{place}.tags.{n}", tag, conditions) for n, tag in enumerate(tags)]
        self._tags = [template for template in found if template is not None]

    def fields(self, view: AlertView) -> Mapping[str, Value]:
        if not self._templates:
            return self._constant
        filled = {name: template.fill(view) for name, template in self._templates.items()}
        return self._constant | {name: text for name, text in filled.items() if text is not None}

    def tags(self, view: AlertView) -> list[str]:
        filled = (template.fill(view) for template in self._tags)
        return [text for text in filled if text]


class _Table:
    """A table in memory, by value of its key."""

    def __init__(self, place: str, config: TableConfig, conditions: Conditions) -> None:
        self._key = config.key
        self._default = config.default
        self._rows: dict[str, Mapping[str, Value]] = dict(config.rows)
        if config.csv:
            self._rows |= _read_csv(f"{place}.csv", config.csv, conditions)
        self.names = tuple({name for row in (*self._rows.values(), self._default) for name in row})
        for name in self.names:
            _check_name(place, name, conditions)

    def look_up(self, view: AlertView) -> Mapping[str, Value]:
        value = view[self._key]
        if value is None:
            return {}
        text = value if isinstance(value, str) else _encode(value).decode()
        return self._rows.get(text, self._default)


def _read_csv(place: str, text: str, conditions: Conditions) -> dict[str, Mapping[str, Value]]:
    lines = [line for line in csv.reader(text.splitlines()) if line]
    rows: dict[str, Mapping[str, Value]] = {}
    if not lines or len(lines[0]) < 2:
        conditions.fault(place, "wanted a first line that names the key and at least one field")
        return rows
    header = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(header):
            found = f"line {number} has {len(line)} cells"
            conditions.fault(place, f"{found}, the first line names {len(header)}")
            continue
        cells = zip(header[1:], line[1:], strict=True)
        rows[line[0].strip()] = {name: cell.strip() for name, cell in cells if cell.strip()}
    return rows


def _template(place: str, value: Value, conditions: Conditions) -> Template | None:
    if not isinstance(value, str):
        return None
    try:
        return Template(value)
    except ValueError as error:
        conditions.fault(place, str(error))
        return None


def _go_templates(texts: Mapping[str, str], conditions: Conditions) -> dict[str, GoTemplate]:
    if not texts:
        return {}
    from sidekick.go_template import Template as GoTemplate  # takes 7 ms that few need

    found = {}
    for name, text in texts.items():
        _check_name("enrich.go_templates", name, conditions)
        try:
            found[name] = GoTemplate(text)
        except ValueError as error:
            conditions.fault(f"enrich.go_templates.{name}", str(error))
    return found


def _check_name(place: str, name: str, conditions: Conditions) -> None:
    if name in ALERT_KEYS:
        conditions.fault(place, f"{name} is the alert's own; choose another name")

"""Exceptions of rules in rule files: ``name``, ``fields``, ``comps`` and ``values``."""

from __future__ import annotations

from collections.abc import Iterable

from sidekick.rules.definitions import Entry, ExceptionDefinition
from sidekick.rules.findings import Code, Context, RulesFault
from sidekick.rules.item import Item
from sidekick.rules.values import Values
from sidekick.rules.yaml_tree import Mapping, Node, Scalar, Sequence

_KEYS = frozenset({"name", "fields", "comps", "values"})


def read_exceptions(item: Item, *, whole: bool) -> list[ExceptionDefinition]:
    """The exceptions of an item; if not ``whole``, values for known ones may stand alone."""
    node = item.node.pairs.get("exceptions")
    if node is None or (isinstance(node, Scalar) and node.null):
        return []
    context = item.context.inside(node.mark, "exceptions")
    if not isinstance(node, Sequence):
        reason = "Rule exceptions must be a sequence"
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    found: list[ExceptionDefinition] = []
    names: set[str] = set()
    for entry in node.items:
        exception = _exception(item, entry, context, whole)
        if exception.name in names:
            reason = f"Multiple definitions of exception '{exception.name}' in the same rule"
            item.warn(Code.LOAD_EXCEPTION_NAME_NOT_UNIQUE, reason, exception.context)
        names.add(exception.name)
        found.append(exception)
    return found


def _exception(item: Item, node: Node, within: Context, whole: bool) -> ExceptionDefinition:
    context = within.inside(node.mark, "exception")
    if not isinstance(node, Mapping):
        reason = "Rule exception must be a mapping"
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    name = Values(node, context).text("name")
    context = item.context.inside(node.mark, "exception", name)
    item.warn_of_unknown(node, _KEYS, context)
    values = Values(node, context)
    fields = values.entry("fields")
    if whole and "fields" not in node.pairs:
        reason = "Item has no mapping for key 'fields'"
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    comps = values.entry("comps")
    if "values" not in node.pairs and not whole:
        reason = "Overriding/appending exception with no values"
        item.warn(Code.LOAD_APPEND_NO_VALUES, reason, context)
    return ExceptionDefinition(name, fields, comps, list(_values(values)), context)


def _values(values: Values) -> Iterable[Entry]:
    node = values.node.pairs.get("values")
    if node is None:
        return
    context = values.context.inside(node.mark, "exception values")
    if not isinstance(node, Sequence):
        reason = "Rule exception values must be a sequence"
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    for value in node.items:
        yield values.entry_of(value, context.inside(value.mark, "exception value"))

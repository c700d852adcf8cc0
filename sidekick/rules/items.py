"""Reads the items of a rule file into definitions; the first fault ends the file, as in Falco."""

from __future__ import annotations

import re

from sidekick.rules.collect import Collector
from sidekick.rules.definitions import ListDefinition, MacroDefinition
from sidekick.rules.findings import Code, Context, FileResult, RulesFault
from sidekick.rules.item import Item
from sidekick.rules.lexer import BARE, IDENTIFIER
from sidekick.rules.rule_items import read_rule
from sidekick.rules.values import Values
from sidekick.rules.versions import parse_version
from sidekick.rules.yaml_tree import BadYaml, Mapping, Node, Scalar, Sequence, documents

_UINT = re.compile(r"\+?[0-9]{1,10}")


def read_file(text: str, name: str, collector: Collector, result: FileResult) -> None:
    """Add what a file defines to the collector, and what is wrong with it to the result."""
    whole = Context.of_file(name)
    try:
        for document in documents(text):
            if not isinstance(document, Sequence):
                kind = "yaml array of objects" if isinstance(document, Mapping) else "yaml"
                reason = f"Rules content is not {kind}"
                raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, whole)
            for node in document.items:
                if not (isinstance(node, Scalar) and node.null):
                    _read_item(node, whole, collector, result)
    except BadYaml as fault:
        place = whole.inside(fault.mark, "value for")
        result.add(RulesFault(Code.LOAD_ERR_YAML_PARSE, fault.reason, place).finding)
    except RulesFault as fault:
        result.add(fault.finding)


def _read_item(node: Node, whole: Context, collector: Collector, result: FileResult) -> None:
    if not isinstance(node, Mapping):
        raise RulesFault(
            Code.LOAD_ERR_YAML_VALIDATE,
            "Unexpected element type. Each element should be a yaml associative array.",
            whole.inside(node.mark, "rules content item"),
        )
    item = Item(node, whole, collector, result)
    for kind, read in _READERS.items():
        if kind in node.pairs:
            read(item)
            return
    item.warn(Code.LOAD_UNKNOWN_ITEM, "Unknown top level item")


# -- requirements ----------------------------------------------------------------------------


def _read_engine(item: Item) -> None:
    item.values.context = item.whole.inside(item.node.mark, "required_engine_version")
    text = item.values.text("required_engine_version")
    version = f"0.{int(text)}.0" if _UINT.fullmatch(text) else text
    if parse_version(version) is None:
        reason = (
            f"Unable to parse engine version '{text[:40]}' as a semver string. "
            'Expected "x.y.z" semver format.'
        )
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, item.context)
    item.collector.require_engine(version, item.context)


def _read_plugins(item: Item) -> None:
    node = item.node.pairs["required_plugin_versions"]
    context = item.whole.inside(node.mark, "required plugin versions")
    if not isinstance(node, Sequence):
        reason = "Value of required_plugin_versions must be a sequence"
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    for plugin in node.items:
        reason = "Plugin version must be a mapping"
        first, inside = _requirement(plugin, reason, "required plugin versions entry", context)
        others = _alternatives(plugin, inside)
        item.collector.require_plugin([first, *others], inside)


def _alternatives(plugin: Node, context: Context) -> list[tuple[str, str]]:
    assert isinstance(plugin, Mapping)
    node = plugin.pairs.get("alternatives")
    if node is None:
        return []
    if not isinstance(node, Sequence):
        reason = "Value of plugin version alternatives must be a sequence"
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    reason, step = "Plugin version alternative must be a mapping", "required plugin versions"
    return [_requirement(n, reason, f"{step} alternative", context)[0] for n in node.items]


def _requirement(
    node: Node, reason: str, step: str, within: Context
) -> tuple[tuple[str, str], Context]:
    context = within.inside(node.mark, step)
    if not isinstance(node, Mapping):
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    name = Values(node, context).text("name")
    context = within.inside(node.mark, step, name)
    return (name, Values(node, context).text("version")), context


# -- lists and macros ------------------------------------------------------------------------


def _read_list(item: Item) -> None:
    name = item.named("list")
    if not BARE.fullmatch(name):
        item.warn(Code.LOAD_INVALID_LIST_NAME, _bad_name("List", "([^()\"'[:space:]=,]+)"))
    found = ListDefinition(name, item.values.texts("items"), item.context)
    if item.appends("items"):
        item.collector.append_list(found)
    else:
        item.collector.define_list(found)


def _read_macro(item: Item) -> None:
    name = item.named("macro")
    if not IDENTIFIER.fullmatch(name):
        item.warn(Code.LOAD_INVALID_MACRO_NAME, _bad_name("Macro", "([a-zA-Z]+[a-zA-Z0-9_]*)"))
    found = MacroDefinition(name, item.written("condition", "macro condition"), item.context)
    if item.appends("condition"):
        item.collector.append_macro(found)
    else:
        item.collector.define_macro(found)


def _bad_name(kind: str, pattern: str) -> str:
    return f"{kind} has an invalid name. {kind} names should match a regular expression: {pattern}"


_READERS = {
    "required_engine_version": _read_engine,
    "required_plugin_versions": _read_plugins,
    "list": _read_list,
    "macro": _read_macro,
    "rule": read_rule,
}
"""By the key that makes an item what it is; of several, the first here counts."""

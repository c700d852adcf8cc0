"""Reads the items of a rule file into definitions; the first fault ends the file, as in Falco."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from sidekick.model import Priority
from sidekick.rules.collect import Collector
from sidekick.rules.definitions import (
    Entry,
    ExceptionDefinition,
    ListDefinition,
    MacroDefinition,
    RuleDefinition,
    RuleUpdate,
)
from sidekick.rules.findings import Code, Context, FileResult, RulesFault
from sidekick.rules.lexer import BARE, IDENTIFIER
from sidekick.rules.values import Values
from sidekick.rules.versions import parse_version
from sidekick.rules.yaml_tree import BadYaml, Mapping, Node, Scalar, Sequence, documents

_APPEND_IS_OLD = (
    "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under "
    "'override' instead."
)
_ENABLED_IS_OLD = (
    "The standalone 'enabled' key usage is deprecated. The correct approach requires also a "
    "'replace' entry under the 'override' key (i.e. 'enabled: replace')."
)
_BOTH = (
    "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. "
    "'condition: append') under 'override' instead."
)
_APPENDABLE = ("condition", "output", "desc", "tags", "exceptions")
_REPLACEABLE = (
    *("condition", "output", "desc", "priority", "tags", "exceptions", "enabled", "capture"),
    *("capture_duration", "warn_evttypes", "skip-if-unknown-filter"),
)
_KEYS = {
    "list": frozenset({"list", "items", "append", "override"}),
    "macro": frozenset({"macro", "condition", "append", "override"}),
    "rule": frozenset({"rule", "source", "append", "override", *_REPLACEABLE}),
}
_KINDS = ("required_engine_version", "required_plugin_versions", "list", "macro", "rule")
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
                    _Item(node, whole, collector, result).read()
    except BadYaml as fault:
        place = whole.inside(fault.mark, "value for")
        result.add(RulesFault(Code.LOAD_ERR_YAML_PARSE, fault.reason, place).finding)
    except RulesFault as fault:
        result.add(fault.finding)


class _Item:
    def __init__(
        self, node: Node, whole: Context, collector: Collector, result: FileResult
    ) -> None:
        if not isinstance(node, Mapping):
            raise RulesFault(
                Code.LOAD_ERR_YAML_VALIDATE,
                "Unexpected element type. Each element should be a yaml associative array.",
                whole.inside(node.mark, "rules content item"),
            )
        self._node = node
        self._whole = whole
        self._collector = collector
        self._result = result
        self._values = Values(node, whole.inside(node.mark, "rules content item"))

    def read(self) -> None:
        kind = next((kind for kind in _KINDS if kind in self._node.pairs), "")
        match kind:
            case "required_engine_version":
                self._engine()
            case "required_plugin_versions":
                self._plugins()
            case "list":
                self._list()
            case "macro":
                self._macro()
            case "rule":
                self._rule()
            case _:
                context = self._whole.inside(self._node.mark, "rules content item")
                self._warn(Code.LOAD_UNKNOWN_ITEM, "Unknown top level item", context)

    def _warn(self, code: Code, message: str, context: Context) -> None:
        self._result.warn(code, message, context)

    def _named(self, kind: str) -> tuple[str, Context]:
        """The item's name, and its context with that name from now on."""
        self._values.context = self._whole.inside(self._node.mark, kind)
        name = self._values.text(kind)
        context = self._whole.inside(self._node.mark, kind, name)
        self._values.context = context
        for key in self._node.pairs:
            if key not in _KEYS[kind]:
                near = difflib.get_close_matches(key[:80], _KEYS[kind], 1, 0.7)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                place = context.inside(self._node.marks.get(key, self._node.mark), "value for", key)
                shown = "that is no text" if key == "\0" else f"'{key[:80]}'"
                self._warn(Code.LOAD_UNKNOWN_KEY, f"Unknown key {shown}{hint}", place)
        return name, context

    # -- requirements ------------------------------------------------------------------------

    def _engine(self) -> None:
        context = self._whole.inside(self._node.mark, "required_engine_version")
        self._values.context = context
        text = self._values.text("required_engine_version")
        version = f"0.{int(text)}.0" if _UINT.fullmatch(text) else text
        if parse_version(version) is None:
            reason = (
                f"Unable to parse engine version '{text}' as a semver string. "
                'Expected "x.y.z" semver format.'
            )
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
        self._collector.require_engine(version, context)

    def _plugins(self) -> None:
        node = self._node.pairs["required_plugin_versions"]
        context = self._whole.inside(node.mark, "required plugin versions")
        for plugin in _sequence(
            node, "Value of required_plugin_versions must be a sequence", context
        ):
            step = "required plugin versions entry"
            first, inside = _requirement(plugin, "Plugin version must be a mapping", step, context)
            assert isinstance(plugin, Mapping)
            found = [first]
            if others := plugin.pairs.get("alternatives"):
                reason = "Value of plugin version alternatives must be a sequence"
                for other in _sequence(others, reason, inside):
                    step = "required plugin versions alternative"
                    reason = "Plugin version alternative must be a mapping"
                    found.append(_requirement(other, reason, step, inside)[0])
            self._collector.require_plugin(found, inside)

    # -- lists and macros --------------------------------------------------------------------

    def _list(self) -> None:
        name, context = self._named("list")
        if not BARE.fullmatch(name):
            self._warn(Code.LOAD_INVALID_LIST_NAME, _bad_name("List", name, BARE), context)
        items = self._values.texts("items")
        found = ListDefinition(name, list(items), context)
        if self._appends(("items",), context):
            self._collector.append_list(found)
        else:
            self._collector.define_list(found)

    def _macro(self) -> None:
        name, context = self._named("macro")
        if not IDENTIFIER.fullmatch(name):
            self._warn(Code.LOAD_INVALID_MACRO_NAME, _bad_name("Macro", name, IDENTIFIER), context)
        condition = self._values.text("condition")
        place = self._values.place("condition", "macro condition")
        found = MacroDefinition(name, condition, context, place)
        if self._appends(("condition",), context):
            self._collector.append_macro(found)
        else:
            self._collector.define_macro(found)

    def _appends(self, keys: tuple[str, ...], context: Context) -> bool:
        """Is this more of something, the old way or the new?"""
        old = self._values.optional_flag("append")
        if old:
            self._warn(Code.LOAD_DEPRECATED_ITEM, _APPEND_IS_OLD, context)
        appended, replaced = self._overrides(keys, keys)
        if old and (appended or replaced):
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, _BOTH, context)
        return bool(old or appended)

    def _overrides(
        self, appendable: Iterable[str], replaceable: Iterable[str]
    ) -> tuple[set[str], set[str]]:
        """The keys to append and those to replace."""
        node = self._node.pairs.get("override")
        allowed = {"append": set(appendable), "replace": set(replaceable)}
        found: dict[str, set[str]] = {"append": set(), "replace": set()}
        if node is None or (isinstance(node, Scalar) and node.null):
            return found["append"], found["replace"]
        context = self._values.context.inside(self._node.mark, "overrides")
        if not isinstance(node, Mapping):
            reason = f"Wanted a mapping of keys to 'append' or 'replace', found {_kind(node)}"
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
        for key, value in node.pairs.items():
            operation = value.text if isinstance(value, Scalar) else _kind(value)
            if operation not in found:
                known = " ".join(name for name, keys in allowed.items() if key in keys)
                reason = (
                    f"Invalid override operation for key '{key}': '{operation}'. "
                    f"Allowed values are: {known} "
                )
                place = context.inside(value.mark, "value for", key)
                raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, place)
            if key not in allowed[operation]:
                reason = (
                    f"Key '{key}' cannot be appended to, use 'replace' instead"
                    if operation == "append"
                    else f"Key '{key}' cannot be replaced"
                )
                place = context.inside(node.marks[key], "overrides", key)
                raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, place)
            found[operation].add(key)
        return found["append"], found["replace"]

    # -- rules -------------------------------------------------------------------------------

    def _rule(self) -> None:
        name, context = self._named("rule")
        old = self._values.optional_flag("append")
        if old:
            self._warn(Code.LOAD_DEPRECATED_ITEM, _APPEND_IS_OLD, context)
        appended, replaced = self._overrides(_APPENDABLE, _REPLACEABLE)
        pairs = self._node.pairs
        if appended or replaced:
            if old:
                raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, _BOTH, context)
            self._override(name, appended, replaced, context)
        elif old:
            keys = {"condition", "exceptions"} & set(pairs)
            self._collector.append_rule(self._update(name, keys, context))
        elif not {"condition", "output", "desc", "priority"} & pairs.keys():
            enabled = self._values.flag("enabled")
            self._warn(Code.LOAD_DEPRECATED_ITEM, _ENABLED_IS_OLD, context)
            self._collector.enable_rule(name, enabled, context)
        else:
            self._collector.define_rule(self._definition(name, context), self._result)

    def _override(
        self, name: str, appended: set[str], replaced: set[str], context: Context
    ) -> None:
        pairs = self._node.pairs
        for word, keys in (("append", appended), ("replace", replaced)):
            for key in sorted(keys - pairs.keys()):
                reason = f"An {word} override for '{key}' was specified but '{key}' is not defined"
                raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
        # An entry may be both: what is appended to and then replaced is replaced.
        if appended:
            self._collector.append_rule(self._update(name, appended, context))
        if replaced:
            self._collector.replace_in_rule(self._update(name, replaced, context))
        for key in {*_APPENDABLE, *_REPLACEABLE} & (pairs.keys() - appended - replaced):
            reason = f"Unexpected key '{key}': no corresponding entry under 'override' is defined."
            place = context.inside(pairs[key].mark, "overrides", key)
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, place)

    def _update(self, name: str, keys: set[str], context: Context) -> RuleUpdate:
        values = self._values
        update = RuleUpdate(name, context)
        if "condition" in keys:
            update.condition = values.text("condition")
            update.condition_context = values.place("condition", "rule condition")
        if "exceptions" in keys:
            update.exceptions = self._exceptions(appended=True)
        if "output" in keys:
            update.output = values.text("output")
        if "desc" in keys:
            update.description = values.text("desc")
        if "tags" in keys:
            update.tags = frozenset(values.texts("tags"))
        if "priority" in keys:
            update.priority = self._priority()
        if "enabled" in keys:
            update.enabled = values.flag("enabled")
        if "warn_evttypes" in keys:
            update.warn_evttypes = values.flag("warn_evttypes")
        if "skip-if-unknown-filter" in keys:
            update.skip_if_unknown_filter = values.flag("skip-if-unknown-filter")
        if "capture" in keys:
            update.capture = values.flag("capture")
        if "capture_duration" in keys:
            update.capture_duration = values.count("capture_duration")
        return update

    def _definition(self, name: str, context: Context) -> RuleDefinition:
        values = self._values
        condition = values.text("condition")
        output = values.text("output")
        description = values.text("desc")
        priority = self._priority()
        return RuleDefinition(
            name=name,
            condition=condition,
            output=output.strip(),
            description=description,
            priority=priority,
            context=context,
            condition_context=values.place("condition", "rule condition"),
            output_context=values.place("output", "rule output"),
            source=values.optional_text("source") or "syscall",
            enabled=values.optional_flag("enabled", True),
            warn_evttypes=values.optional_flag("warn_evttypes", True),
            skip_if_unknown_filter=values.optional_flag("skip-if-unknown-filter"),
            capture=values.optional_flag("capture"),
            capture_duration=values.optional_count("capture_duration"),
            tags=frozenset(values.texts("tags", optional=True)),
            exceptions=self._exceptions(appended=False),
        )  # fmt: skip

    def _priority(self) -> Priority:
        text = self._values.text("priority")
        priority = Priority.parse(text)
        if priority is None:
            known = ", ".join(p.label for p in reversed(Priority))
            reason = f"Invalid priority '{text[:64]}'; wanted one of {known}"
            place = self._values.place("priority", "rule priority")
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, place)
        return priority

    # -- exceptions --------------------------------------------------------------------------

    def _exceptions(self, *, appended: bool) -> list[ExceptionDefinition]:
        node = self._node.pairs.get("exceptions")
        if node is None or (isinstance(node, Scalar) and node.null):
            return []
        context = self._values.context.inside(node.mark, "exceptions")
        found: list[ExceptionDefinition] = []
        for entry in _sequence(node, "Rule exceptions must be a sequence", context):
            found.append(self._exception(entry, context, appended, found))
        return found

    def _exception(
        self, node: Node, within: Context, appended: bool, others: list[ExceptionDefinition]
    ) -> ExceptionDefinition:
        context = within.inside(node.mark, "exception")
        if not isinstance(node, Mapping):
            reason = "Rule exception must be a mapping"
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
        name = Values(node, context).text("name")
        context = self._values.context.inside(node.mark, "exception", name)
        values = Values(node, context)
        if any(name == other.name for other in others):
            reason = "Multiple definitions of exceptions with the same name in the same object"
            self._warn(Code.LOAD_EXCEPTION_NAME_NOT_UNIQUE, reason, context)
        fields = values.entry("fields")
        if fields is None and not appended:
            reason = "Item has no mapping for key 'fields'"
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
        comps = values.entry("comps")
        found: list[Entry] = []
        if "values" in node.pairs:
            listed = node.pairs["values"]
            place = context.inside(listed.mark, "exception values")
            found += (
                values.entry_of(value, place.inside(value.mark, "exception value"))
                for value in _sequence(listed, "Rule exception values must be a sequence", place)
            )
        elif appended:
            reason = "Overriding/appending exception with no values"
            self._warn(Code.LOAD_APPEND_NO_VALUES, reason, context)
        return ExceptionDefinition(name, fields, comps, found, context)


def _sequence(node: Node, reason: str, context: Context) -> list[Node]:
    if not isinstance(node, Sequence):
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    return node.items


def _requirement(
    node: Node, reason: str, step: str, within: Context
) -> tuple[tuple[str, str], Context]:
    context = within.inside(node.mark, step)
    if not isinstance(node, Mapping):
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, context)
    name = Values(node, context).text("name")
    context = within.inside(node.mark, step, name)
    return (name, Values(node, context).text("version")), context


def _kind(node: Node) -> str:
    match node:
        case Scalar():
            return f"'{node.text[:40]}'"
        case Sequence():
            return "a sequence"
        case Mapping():
            return "a mapping"


def _bad_name(kind: str, name: str, pattern: re.Pattern[str]) -> str:
    wanted = "letters, digits and _, a letter first" if pattern is IDENTIFIER else (
        "no blanks, quotes, parentheses, commas or ="
    )  # fmt: skip
    return f"{kind} has an invalid name '{name[:80]}'; wanted {wanted}"

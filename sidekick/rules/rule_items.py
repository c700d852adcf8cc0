"""Rules in rule files: definitions, and what appends to a rule or replaces parts of it."""

from __future__ import annotations

from collections.abc import Collection

from sidekick.model import Priority
from sidekick.rules.definitions import SYSCALL, RuleDefinition, RuleUpdate
from sidekick.rules.exception_items import read_exceptions
from sidekick.rules.findings import Code, RulesFault
from sidekick.rules.item import APPENDABLE, REPLACEABLE, Item

_ENABLED_IS_OLD = (
    "The standalone 'enabled' key usage is deprecated. The correct approach requires also a "
    "'replace' entry under the 'override' key (i.e. 'enabled: replace')."
)


def read_rule(item: Item) -> None:
    """Add a rule to the collector, or change the one of that name; raises RulesFault."""
    name = item.named("rule")
    old = item.appends_the_old_way()
    appended, replaced = item.overrides(APPENDABLE, REPLACEABLE, old)
    if appended or replaced:
        _override(item, name, appended, replaced)
    elif old:
        item.collector.append_rule(_update(item, name, item.keys({"condition", "exceptions"})))
    elif item.keys({"condition", "output", "desc", "priority"}):
        item.collector.define_rule(_definition(item, name), item.warn)
    else:
        enabled = item.values.flag("enabled")
        item.warn(Code.LOAD_DEPRECATED_ITEM, _ENABLED_IS_OLD)
        item.collector.enable_rule(name, enabled, item.context)


def _override(item: Item, name: str, appended: set[str], replaced: set[str]) -> None:
    pairs = item.node.pairs
    for word, keys in (("append", appended), ("replace", replaced)):
        for key in sorted(keys - pairs.keys()):
            reason = f"An {word} override for '{key}' was specified but '{key}' is not defined"
            raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, item.context)
    for key in sorted(item.keys(REPLACEABLE) - appended - replaced):
        reason = f"Unexpected key '{key}': no corresponding entry under 'override' is defined."
        place = item.context.inside(pairs[key].mark, "overrides", key)
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, place)
    if appended:
        item.collector.append_rule(_update(item, name, appended))
    if replaced:
        item.collector.replace_in_rule(_update(item, name, replaced, whole_exceptions=True))


def _update(
    item: Item, name: str, keys: Collection[str], *, whole_exceptions: bool = False
) -> RuleUpdate:
    values = item.values
    update = RuleUpdate(name, item.context)
    if "condition" in keys:
        update.condition = item.written("condition", "rule condition")
    if "exceptions" in keys:
        update.exceptions = read_exceptions(item, whole=whole_exceptions)
    if "output" in keys:
        update.output = item.written("output", "rule output")
    if "desc" in keys:
        update.description = item.written("desc", "value for")
    if "tags" in keys:
        update.tags = set(values.texts("tags"))
    if "priority" in keys:
        update.priority = _priority(item)
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


def _definition(item: Item, name: str) -> RuleDefinition:
    values = item.values
    return RuleDefinition(
        name=name,
        condition=item.written("condition", "rule condition"),
        output=item.written("output", "rule output"),
        description=item.written("desc", "value for"),
        priority=_priority(item),
        context=item.context,
        source=values.optional_text("source") or SYSCALL,
        enabled=values.optional_flag("enabled", True),
        warn_evttypes=values.optional_flag("warn_evttypes", True),
        skip_if_unknown_filter=values.optional_flag("skip-if-unknown-filter"),
        capture=values.optional_flag("capture"),
        capture_duration=values.optional_count("capture_duration"),
        tags=set(values.texts("tags", optional=True)),
        exceptions=read_exceptions(item, whole=True),
    )


def _priority(item: Item) -> Priority:
    text = item.values.text("priority")
    priority = Priority.parse(text)
    if priority is None:
        known = ", ".join(p.label for p in reversed(Priority))
        reason = f"Invalid priority '{text[:64]}'; wanted one of {known}"
        place = item.values.place("priority", "rule priority")
        raise RulesFault(Code.LOAD_ERR_YAML_VALIDATE, reason, place)
    return priority

"""Merges what rule files define, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sidekick.rules.definitions import (
    UPDATABLE,
    ExceptionDefinition,
    ListDefinition,
    MacroDefinition,
    RuleDefinition,
    RuleUpdate,
    append_to,
)
from sidekick.rules.exceptions import complete
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.findings import Code, Context, RulesFault
from sidekick.rules.versions import compatible, parse_version

_D = TypeVar("_D", ListDefinition, MacroDefinition)


class Collector:
    """All that was read so far. ``registries`` are the fields of each known source."""

    def __init__(self, registries: dict[str, FieldRegistry], engine: str) -> None:
        self.rules: dict[str, RuleDefinition] = {}
        self.macros: dict[str, MacroDefinition] = {}
        self.lists: dict[str, ListDefinition] = {}
        self.required_plugins: list[tuple[Context, list[tuple[str, str]]]] = []
        self._registries = registries
        self._engine = engine
        self._steps = 0

    def require_engine(self, version: str, context: Context) -> None:
        """Raise RulesFault unless the engine is compatible with a version."""
        if not compatible(self._engine, version):
            raise RulesFault(
                Code.LOAD_ERR_VALIDATE,
                f"Rules require engine version {version}, but engine version is {self._engine}",
                context,
            )

    def require_plugin(self, alternatives: list[tuple[str, str]], context: Context) -> None:
        """Remember that one of these plugins must be there; raises RulesFault."""
        names: set[str] = set()
        for name, version in alternatives:
            if parse_version(version) is None:
                reason = f"Invalid required version '{version}' for plugin '{name}'"
                raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context)
            if name in names:
                reason = f"Defined multiple alternative version requirements for plugin '{name}'"
                raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, context)
            names.add(name)
        self.required_plugins.append((context, alternatives))

    def define_list(self, found: ListDefinition) -> None:
        """A list, or a new content of one."""
        self._define(self.lists, found)

    def append_list(self, found: ListDefinition) -> None:
        """More items of a list; raises RulesFault if there is none."""
        known = self._known(
            self.lists, found.name, "List uses 'append' or 'override.items: append' but no list",
            found.context,
        )  # fmt: skip
        known.items += found.items
        known.visible_from = self._next()

    def define_macro(self, found: MacroDefinition) -> None:
        """A macro, or a new condition of one."""
        self._define(self.macros, found)

    def append_macro(self, found: MacroDefinition) -> None:
        """More of a macro's condition; raises RulesFault if there is none."""
        known = self._known(
            self.macros, found.name,
            "Macro uses 'append' or 'override.condition: append' but no macro", found.context,
        )  # fmt: skip
        append_to(known.condition, found.condition)
        known.visible_from = self._next()

    def define_rule(self, found: RuleDefinition, warn: Callable[[Code, str], None]) -> None:
        """A rule, or a new definition of one, which keeps its place; raises RulesFault."""
        known = self.rules.get(found.name)
        if known and known.source != found.source:
            reason = "Rule has been re-defined with a different source"
            raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, found.context)
        if found.source not in self._registries:
            found.known_source = False
            reason = f"Unknown source {found.source}, skipping"
            warn(Code.LOAD_UNKNOWN_SOURCE, reason)
        self._check_exceptions(found.exceptions, found.source)
        self.rules[found.name] = found
        self._next()

    def append_rule(self, update: RuleUpdate) -> None:
        """More of a rule; raises RulesFault."""
        rule = self._known(
            self.rules, update.name, "Rule uses 'append' or 'override.<key>: append' but no rule",
            update.context,
        )  # fmt: skip
        if update.empty:
            reason = "Appended rule must have exceptions or condition property"
            raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, update.context)
        for name in ("condition", "output", "description"):
            if more := getattr(update, name):
                append_to(getattr(rule, name), more)
        rule.tags |= update.tags or set()
        if update.exceptions:
            self._append_exceptions(rule, update.exceptions)
        self._next()

    def replace_in_rule(self, update: RuleUpdate) -> None:
        """Other values of a rule; raises RulesFault."""
        rule = self._known(
            self.rules, update.name,
            "An 'override.<key>: replace' to a rule was requested but no rule", update.context,
        )  # fmt: skip
        if update.empty:
            reason = "The rule must have at least one field that can be replaced"
            raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, update.context)
        self._check_exceptions(update.exceptions or [], rule.source)
        for name in UPDATABLE:
            if (value := getattr(update, name)) is not None:
                setattr(rule, name, value)
        self._next()

    def enable_rule(self, name: str, enabled: bool, context: Context) -> None:
        """Turn a rule on or off; raises RulesFault if there is none."""
        self._known(
            self.rules, name, "Rule has 'enabled' key but no rule", context
        ).enabled = enabled

    # -- pieces ------------------------------------------------------------------------------

    def _next(self) -> int:
        self._steps += 1
        return self._steps - 1

    def _define(self, known: dict[str, _D], found: _D) -> None:
        found.index = found.visible_from = self._next()
        if previous := known.get(found.name):
            found.index = previous.index
        known[found.name] = found

    _K = TypeVar("_K")

    def _known(self, known: dict[str, _K], name: str, reason: str, context: Context) -> _K:
        found = known.get(name)
        if found is None:
            message = f"{reason} by that name already exists"
            raise RulesFault(Code.LOAD_ERR_VALIDATE, message, context)
        return found

    def _check_exceptions(self, exceptions: list[ExceptionDefinition], source: str) -> None:
        for exception in exceptions:
            if exception.fields is None:
                reason = "Rule exception item must have fields property with a list of fields"
                raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, exception.context)
            complete(exception, self._registries.get(source))

    def _append_exceptions(self, rule: RuleDefinition, more: list[ExceptionDefinition]) -> None:
        known = {exception.name: exception for exception in reversed(rule.exceptions)}
        for exception in more:
            if exception.name not in known:
                _require(exception.fields is not None, exception, "fields")
                _require(bool(exception.values), exception, "values")
                complete(exception, self._registries.get(rule.source))
                rule.exceptions.append(exception)
                known[exception.name] = exception
                continue
            for name in ("fields", "comps"):
                if getattr(exception, name) is not None:
                    reason = f"Can not append exception {name} to existing exception, only values"
                    raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, exception.context)
            known[exception.name].values += exception.values


def _require(held: bool, exception: ExceptionDefinition, what: str) -> None:
    if not held:
        reason = f"Rule exception must have {what} property with a list of {what}"
        raise RulesFault(Code.LOAD_ERR_VALIDATE, reason, exception.context)

"""Tests of rules as YAML.

    rules: [../core.yaml]
    given: {shell: {type: execve, fields: {proc.name: bash, container.id: 3fd1c0ffee12}}}
    tests:
      - test: a shell on the host is no alert
        event: {given: shell, fields: {container.id: host}}
        alerts: []
      - rule: Shell in a container
        given: shell
        tests:
          - {test: fires, event: {}, alerts: true}

docs/rule-tests.md says what each key means.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sidekick.errors import ConfigError, SidekickError
from sidekick.model import Priority
from sidekick.rules import yaml_tree
from sidekick.rules.cases import Case, Expected, Suite
from sidekick.rules.yaml_tree import BadYaml, Mark, Node, Scalar, documents

_SUITE = frozenset({"rules", "matching", "given", "tests"})
_GROUP = frozenset({"rule", "given", "tests"})
_CASE = frozenset({"test", "event", "events", "alerts"})
_EVENT = frozenset({"time", "source", "type", "fields", "payload", "given"})
_ALERT = frozenset({"rule", "priority", "output", "contains", "fields", "tags"})
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")


class BadCase(SidekickError):
    """Something in a test file cannot be used; the sentence has its place."""


def read_suite(text: str, name: str) -> Suite:
    """The tests of a text; raises ConfigError that names all faults, each with its place."""
    return _Reader(name).read(text)


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._faults: list[str] = []

    def read(self, text: str) -> Suite:
        try:
            suite = self._suite(self._root(text))
        except BadCase as fault:
            self._faults.append(str(fault))
        if self._faults:
            raise ConfigError(self._faults)
        return suite

    def _root(self, text: str) -> yaml_tree.Mapping:
        try:
            found = documents(text)
        except BadYaml as fault:
            raise self._fault(fault.mark, fault.reason) from None
        if len(found) != 1 or not isinstance(found[0], yaml_tree.Mapping):
            raise BadCase(f'{self._name}: wanted one mapping with the key "tests"')
        return found[0]

    def _suite(self, root: yaml_tree.Mapping) -> Suite:
        self._only(root, _SUITE)
        given = self._given(root.pairs.get("given"))
        cases: list[Case] = []
        for node in self._sequence(root, "tests"):
            try:
                cases += self._cases(node, given)
            except BadCase as fault:
                self._faults.append(str(fault))
        rules = tuple(self._text(part, "a file") for part in self._list(root.pairs.get("rules")))
        every = self._choice(root, "matching", ("first", "all")) == "all"
        return Suite(self._name, rules, every, tuple(cases))

    def _given(self, node: Node | None) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        if node is not None:
            for name, part in self._mapping(node, "events by name").pairs.items():
                found[name] = self._event(part, found, {})
        return found

    def _cases(self, node: Node, given: Mapping[str, Any]) -> Iterator[Case]:
        pairs = self._mapping(node, "a test").pairs
        if "tests" not in pairs:
            yield self._case(node, given, {}, "")
            return
        mapping = self._mapping(node, "a group of tests")
        self._only(mapping, _GROUP)
        rule = self._text(pairs["rule"], "the name of a rule") if "rule" in pairs else ""
        base = self._base(pairs["given"], given) if "given" in pairs else {}
        for part in self._sequence(mapping, "tests"):
            try:
                yield self._case(part, given, base, rule)
            except BadCase as fault:
                self._faults.append(str(fault))

    def _case(
        self, node: Node, given: Mapping[str, Any], base: Mapping[str, Any], rule: str
    ) -> Case:
        mapping = self._mapping(node, "a test")
        self._only(mapping, _CASE)
        pairs = mapping.pairs
        for key in ("test", "alerts"):
            if key not in pairs:
                raise self._fault(mapping.mark, f'the test has no "{key}"')
        if ("event" in pairs) == ("events" in pairs):
            raise self._fault(mapping.mark, 'wanted either "event" or "events"')
        nodes = [pairs["event"]] if "event" in pairs else self._list(pairs["events"])
        events = tuple(self._event(part, given, base) for part in nodes)
        alerts = tuple(self._alerts(pairs["alerts"], rule, len(events)))
        name = self._text(pairs["test"], "the name of the test")
        return Case(name, f"{self._name}:{mapping.mark.line + 1}", events, alerts, rule)

    # -- events ------------------------------------------------------------------------------

    def _event(
        self, node: Node, given: Mapping[str, Any], base: Mapping[str, Any]
    ) -> dict[str, Any]:
        """An event laid over the one that it starts from."""
        mapping = self._mapping(node, "an event")
        self._only(mapping, _EVENT)
        pairs = mapping.pairs
        if "given" in pairs:
            base = _over(base, self._named(pairs["given"], given))
        own: dict[str, Any] = {
            key: self._text(pairs[key], f"the event's {key}")
            for key in ("time", "source", "type")
            if key in pairs
        }
        if "payload" in pairs:
            own |= {"source": "k8s_audit", "payload": _typed(pairs["payload"])}
        if "fields" in pairs:
            own["fields"] = dict(self._fields(self._mapping(pairs["fields"], "fields by name")))
        return _over(base, own)

    def _base(self, node: Node, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the events of a group start from: a given event, or one that is written out."""
        if isinstance(node, Scalar):
            return self._named(node, given)
        return self._event(node, given, {})

    def _named(self, node: Node, given: Mapping[str, Any]) -> Mapping[str, Any]:
        name = self._text(node, 'the name of an event under "given"')
        if name not in given:
            raise self._fault(node.mark, f'no event "{name}" is given{near(name, given)}')
        found: Mapping[str, Any] = given[name]
        return found

    def _fields(self, mapping: yaml_tree.Mapping) -> Iterator[tuple[str, Any]]:
        for key, node in mapping.pairs.items():
            if isinstance(node, yaml_tree.Mapping):
                raise self._fault(node.mark, f'field "{key}": wanted a value or a list')
            yield key, _texts(node)

    # -- alerts ------------------------------------------------------------------------------

    def _alerts(self, node: Node, rule: str, events: int) -> Iterator[Expected]:
        if isinstance(node, Scalar) and node.plain and node.text in ("true", "false"):
            if not rule:
                raise self._fault(node.mark, "true and false are for tests of one rule")
            if node.text == "true":
                yield from [Expected(rule)] * events
            return
        for part in self._list(node):
            yield self._alert(part)

    def _alert(self, node: Node) -> Expected:
        if isinstance(node, Scalar):
            return Expected(self._text(node, "the name of a rule"))
        mapping = self._mapping(node, "an alert")
        self._only(mapping, _ALERT)
        pairs = mapping.pairs
        if "rule" not in pairs:
            raise self._fault(mapping.mark, 'the alert has no "rule"')
        output, fields = pairs.get("output"), pairs.get("fields")
        return Expected(
            rule=self._text(pairs["rule"], "the name of a rule"),
            priority=self._priority(pairs.get("priority")),
            output=None if output is None else self._text(output, "a text"),
            contains=self._several(pairs.get("contains")),
            fields=dict(self._fields(self._mapping(fields, "fields"))) if fields else {},
            tags=self._several(pairs.get("tags")),
        )

    def _priority(self, node: Node | None) -> Priority | None:
        if node is None:
            return None
        text = self._text(node, "a priority")
        found = Priority.parse(text)
        if found is None:
            names = [priority.label for priority in Priority]
            raise self._fault(node.mark, f'unknown priority "{text}"; there are {", ".join(names)}')
        return found

    def _several(self, node: Node | None) -> tuple[str, ...]:
        return tuple(self._text(part, "a text") for part in self._list(node))

    # -- YAML --------------------------------------------------------------------------------

    def _fault(self, mark: Mark, reason: str) -> BadCase:
        return BadCase(f"{self._name}:{mark.line + 1}:{mark.column + 1}: {reason}")

    def _only(self, mapping: yaml_tree.Mapping, known: Collection[str]) -> None:
        for key in mapping.pairs:
            if key not in known:
                hint = near(key, known) or f"; there are {', '.join(sorted(known))}"
                raise self._fault(
                    mapping.marks.get(key, mapping.mark), f'unknown key "{key}"{hint}'
                )

    def _mapping(self, node: Node, what: str) -> yaml_tree.Mapping:
        if isinstance(node, yaml_tree.Mapping):
            return node
        raise self._fault(node.mark, f"wanted {what}, as a mapping")

    def _sequence(self, mapping: yaml_tree.Mapping, key: str) -> list[Node]:
        node = mapping.pairs.get(key)
        if isinstance(node, yaml_tree.Sequence):
            return node.items
        raise self._fault(node.mark if node else mapping.mark, f'wanted a list under "{key}"')

    def _list(self, node: Node | None) -> list[Node]:
        if node is None:
            return []
        return node.items if isinstance(node, yaml_tree.Sequence) else [node]

    def _text(self, node: Node, what: str) -> str:
        if isinstance(node, Scalar) and not node.null:
            return node.text
        raise self._fault(node.mark, f"wanted {what}, as a text")

    def _choice(self, mapping: yaml_tree.Mapping, key: str, words: tuple[str, ...]) -> str:
        node = mapping.pairs.get(key)
        if node is None:
            return words[0]
        text = self._text(node, " or ".join(words))
        if text not in words:
            raise self._fault(node.mark, f'wanted {" or ".join(words)}, found "{text}"')
        return text


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """An event with what another one says instead or in addition."""
    fields = {**below.get("fields", {}), **above.get("fields", {})}
    return {**below, **above, "fields": fields}


def near(name: str, known: Collection[str]) -> str:
    """A hint at the known name that is most like a wrong one; "" if none is."""
    found = difflib.get_close_matches(name[:80], known, 1, 0.75)
    return f'; did you mean "{found[0]}"?' if found else ""


def _texts(node: Node) -> Any:
    """A value as text, or several; what they mean depends on their field."""
    if isinstance(node, Scalar):
        return None if node.null else node.text
    if isinstance(node, yaml_tree.Sequence):
        return [_texts(part) for part in node.items]
    return {key: _texts(part) for key, part in node.pairs.items()}


def _typed(node: Node) -> Any:
    """YAML that is JSON in other clothes: numbers, true, false and null where they are plain."""
    if isinstance(node, yaml_tree.Sequence):
        return [_typed(part) for part in node.items]
    if isinstance(node, yaml_tree.Mapping):
        return {key: _typed(part) for key, part in node.pairs.items()}
    if node.null:
        return None
    if not node.plain:
        return node.text
    if node.text in ("true", "false"):
        return node.text == "true"
    if _NUMBER.fullmatch(node.text):
        return int(node.text)
    return float(node.text) if _FRACTION.fullmatch(node.text) else node.text

"""The exception that lets an alert like one that came pass: a rule file's item, ready to be added.

It names what the alert has in the fields that its rule asks for, chosen so that it holds again next
time (a program, a file, an image) and not this once only (a process id, a time, a container id).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sidekick.errors import SidekickError
from sidekick.rules.constants import LENGTH_LIMIT
from sidekick.rules.definitions import ExceptionDefinition
from sidekick.rules.escapes import readable
from sidekick.rules.fields import FieldType, Shape
from sidekick.rules.parser import MODIFIERS
from sidekick.rules.printer import constant
from sidekick.rules.ruleset import Rule, RuleSet

MOST_FIELDS = 4
_FIELDS = """\
proc.name proc.exepath proc.exe
ka.user.name
fd.name evt.arg.path evt.arg.target evt.arg.oldpath evt.arg.newpath evt.arg.name fd.directory
ka.target.resource
ka.target.name ka.req.binding.role ka.uri
ka.target.namespace
fd.sip.name fd.sip fd.rip
fd.sport fd.rport
proc.pname proc.pexepath proc.pexe
container.image.repository container.image container.name
k8s.ns.name
user.name user.loginname user.uid
proc.cmdline proc.args
ka.verb
"""
_LASTING = tuple(tuple(line.split()) for line in _FIELDS.splitlines())
"""What an alert like this one will have again, the most telling first; one field of a line."""

_ALWAYS = frozenset({"proc.name", "ka.user.name", "container.image.repository", "k8s.ns.name"})
"""Who did it, and where: worth naming even if the rule's condition does not ask."""


_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_DELIMITERS = re.compile("[ \t\n\r(),=]+")


class NoException(SidekickError):
    """No exception of a rule can be made of an alert."""


def allowing(
    rules: RuleSet, rule: Rule, values: Mapping[str, Any], chosen: Sequence[str] = ()
) -> str:
    """The YAML of an item that appends an exception to a rule; raises NoException.

    ``values`` are the alert's output fields. Without ``chosen`` fields, values are added to an
    exception that the rule has, if the alert has all its fields, else fields are chosen.
    """
    texts = {
        key: text for key, value in values.items() if (text := _constant(value, rules)) is not None
    }
    if not chosen and (known := _known(rule, texts)):
        return _item(rule, known.name, None, [texts[key] for key in _names(known)])
    fields = list(chosen) or _choose(rules, rule, texts)
    for key in fields:
        _require(rules, rule, key, texts, values)
    return _item(rule, " and ".join(fields), fields, [texts[key] for key in fields])


def _require(
    rules: RuleSet, rule: Rule, key: str, texts: Mapping[str, str], values: Mapping[str, Any]
) -> None:
    if not _comparable(rules, rule, key):
        hint = rules.sources[rule.source].fields.suggestion(key)
        raise NoException(f"'{key}' is no field that an exception can compare with '='{hint}")
    if key not in values or values[key] is None:
        known = ", ".join(sorted(texts)) or "none"
        raise NoException(f"the alert has no value of '{key}'; it has {known}")
    if key not in texts:
        raise NoException(f"the alert's value of '{key}' cannot be a constant of a condition")


def _choose(rules: RuleSet, rule: Rule, texts: Mapping[str, str]) -> list[str]:
    asked = _ALWAYS | set(rules.keys(rule))
    found: list[str] = []
    for group in _LASTING:
        usable = (key for key in group if key in asked and key in texts)
        found += [key for key in usable if _comparable(rules, rule, key)][:1]
    if not found:
        known = ", ".join(sorted(texts)) or "none"
        raise NoException(
            f"no field of the alert says what to allow in rule '{rule.name}'; it has {known}: "
            "name some of them with --field"
        )
    return found[:MOST_FIELDS]


def _comparable(rules: RuleSet, rule: Rule, key: str) -> bool:
    """May an exception of the rule ask ``key = value``, with a value as alerts have it?"""
    name, bracket, _ = key.partition("[")
    kind = rules.sources[rule.source].fields.kind(name)
    if kind is None or kind.type in (FieldType.NETWORK, FieldType.BYTES):
        return False
    shape = kind.with_argument if bracket and kind.with_argument else kind.shape
    return shape in (Shape.ONE, Shape.EITHER)


def _known(rule: Rule, texts: Mapping[str, str]) -> ExceptionDefinition | None:
    """An exception of the rule that takes values that are equal to those of an alert."""
    for exception in rule.definition.exceptions:
        comps = exception.comps if isinstance(exception.comps, list) else [exception.comps]
        names = _names(exception)
        if names and set(names) <= texts.keys() and all(c in ("=", "==", "in") for c in comps):
            return exception
    return None


def _names(exception: ExceptionDefinition) -> list[str]:
    fields = exception.fields if isinstance(exception.fields, list) else [exception.fields]
    return [name for name in fields if isinstance(name, str)]


def _constant(value: Any, rules: RuleSet) -> str | None:
    """A value as Falco's conditions of exceptions have to have it; None for what cannot be one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int) or value in ("", "<NA>"):
        return None
    text = str(value)
    if len(text.encode("utf-8", "replace")) > LENGTH_LIMIT or _UNWRITABLE.search(text):
        return None
    # The name of a list would be replaced by its items, but not with a quote beside it.
    if any(word in rules.lists for word in _DELIMITERS.split(text)[1:-1]):
        return None
    return readable(text) if text in rules.lists or text in MODIFIERS else constant(text)


def _item(rule: Rule, name: str, fields: list[str] | None, texts: Iterable[str]) -> str:
    lines = [f"- rule: {_quoted(rule.name)}", "  exceptions:", f"    - name: {_quoted(name)}"]
    single = fields is None and not _takes_lists(rule, name)
    if fields:
        lines.append(f"      fields: [{', '.join(map(_quoted, fields))}]")
        lines.append(f"      comps: [{', '.join(_quoted('=') for _ in fields)}]")
    values = ", ".join(_quoted(text) for text in texts)
    lines += ["      values:", f"        - {values if single else f'[{values}]'}"]
    return "\n".join([*lines, "  override:", "    exceptions: append", ""])


def _takes_lists(rule: Rule, name: str) -> bool:
    found = next(e for e in rule.definition.exceptions if e.name == name)
    return isinstance(found.fields, list)


def _quoted(text: str) -> str:
    """A text as a YAML scalar, which is JSON but for characters that YAML has not."""
    written = json.dumps(text, ensure_ascii=False)
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", written)

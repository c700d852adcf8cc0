"""Conditions as functions: the rule of NULL, types, lists, modifiers, transformers, fields."""

from __future__ import annotations

from typing import Any

import pytest

from sidekick.errors import ConditionError
from sidekick.rules.compile import compile_condition
from sidekick.rules.falco_fields import FALCO_FIELDS


def holds(text: str, **record: Any) -> bool:
    """A condition over an event, whose fields are written ``proc__name``."""
    named = {name.replace("__", "."): value for name, value in record.items()}
    return compile_condition(text, FALCO_FIELDS)(named)


def alerts(text: str, record: dict[str, Any]) -> bool:
    return compile_condition(text)(record)


OPERATORS = [
    "= x", "!= x", "< 3", "contains x", "icontains x", "startswith x", "endswith x", "glob x",
    "iglob x", "regex x", "in (x)", "intersects (x)", "pmatch (/x)", "exists", "= anyof (x)",
    "!= allof (x)", "contains oneof (x)", "= val(proc.pname)",
]  # fmt: skip


@pytest.mark.parametrize("operator", OPERATORS)
def test_null_makes_every_check_false_and_not_makes_that_true(operator: str) -> None:
    field = "fd.num" if operator == "< 3" else "proc.name"
    assert holds(f"{field} {operator}") is False
    assert holds(f"not {field} {operator}") is True


@pytest.mark.parametrize(
    ("text", "value", "wanted"),
    [
        ("= cat", "cat", True), ("= cat", "cats", False), ("== cat", "cat", True),
        ("!= cat", "cat", False), ("!= cat", "", True), ("< b", "a", None),
        ("contains at", "cat", True), ("contains AT", "cat", False),
        ("icontains AT", "cat", True), ("startswith ca", "cat", True),
        ("endswith at", "cat", True), ("in (cat, dog)", "dog", True), ("in ()", "cat", False),
        ("intersects (cat)", "cat", True), ("exists", "", True), ("exists", "<NA>", True),
        ("glob c*t", "c/a/t", True), ("glob c?t", "cat", True), ("glob C*", "cat", False),
        ("iglob C*", "cat", True), ("regex ca+t", "caat", True), ("regex a", "cat", False),
        ("pmatch (/etc, /usr/bin)", "/usr/bin/cat", True), ("pmatch (/us)", "/usr", False),
        ("startswith anyof (a, c)", "cat", True), ("contains allof (a, t)", "cat", True),
        ("contains oneof (a, t)", "cat", False), ("contains oneof (a, z)", "cat", True),
        ("!= allof (a, cat)", "cat", False), ("!= anyof (a, cat)", "cat", True),
        ("= allof (cat)", "cat", True), ("= anyof ()", "cat", False),
    ],
)  # fmt: skip
def test_text_is_compared_byte_by_byte(text: str, value: str, wanted: bool | None) -> None:
    if wanted is None:
        with pytest.raises(ConditionError, match="number"):
            holds(f"proc.name {text}", proc__name=value)
    else:
        assert holds(f"proc.name {text}", proc__name=value) is wanted


@pytest.mark.parametrize(
    ("text", "record", "wanted"),
    [
        ("fd.num >= 0x10", {"fd__num": 16}, True),
        ("fd.num < -1", {"fd__num": -2}, True),
        ("fd.num in (1, 2)", {"fd__num": 2}, True),
        ("evt.is_open_read = true", {"evt__is_open_read": True}, True),
        ("evt.is_open_read != true", {"evt__is_open_read": False}, True),
        ("fd.sport = https", {"fd__sport": 443}, True),
        ("fd.sip = 10.0.0.1", {"fd__sip": "10.0.0.1"}, True),
        ("fd.sip != 10.0.0.1", {"fd__sip": "::1"}, True),
        ("fd.sip = ::1", {"fd__sip": "0:0:0:0:0:0:0:1"}, True),
        ("fd.snet in (10.0.0.0/8, 172.16.0.0/12)", {"fd__snet": "172.20.0.1"}, True),
        ("fd.snet != 10.0.0.0/8", {"fd__snet": "::1"}, True),
        ("fd.ip = 10.0.0.1", {"fd__ip": ("10.0.0.2", "10.0.0.1")}, True),
        ("fd.ip != 10.0.0.1", {"fd__ip": ("10.0.0.2", "10.0.0.1")}, False),
        ("fd.ip in (10.0.0.1)", {"fd__ip": ("10.0.0.1",)}, False),
        ("fd.net in (10.0.0.0/8, 11.0.0.0/8)", {"fd__net": ("11.0.0.1",)}, False),
        ("fd.port in (80, 443)", {"fd__port": (5000, 443)}, True),
        ("fd.types in (file, ipv4)", {"fd__types": ["file"]}, True),
        ("fd.types in (file)", {"fd__types": ["file", "ipv4"]}, False),
        ("fd.types intersects (file)", {"fd__types": ["ipv4", "file"]}, True),
        ("fd.types in (file)", {"fd__types": []}, False),
        ("fd.types exists", {"fd__types": []}, False),
        ("proc.aname exists", {"proc__aname": []}, False),
        ("proc.aname = sshd", {"proc__aname": ["bash", "sshd"]}, True),
        ("proc.aname != bash", {"proc__aname": ["bash", "sshd"]}, True),
        ("not proc.aname = sshd", {"proc__aname": ["bash"]}, True),
        ("proc.aname[2] = sshd", {"proc__aname[2]": "sshd"}, True),
        ("thread.cpu > 0.5", {"thread__cpu": 0.75}, True),
        ("thread.cpu > 1", {"thread__cpu": 0.75}, False),
        ("tolower(evt.arg.flags) contains o_", {"evt__arg__flags": "O_RDWR"}, True),
        ("evt.buffer bcontains cafe", {"evt__buffer": b"\x00\xca\xfe"}, True),
        ("evt.buffer contains ab", {"evt__buffer": b"xaby"}, True),
        ("tolower(proc.name) = cat", {"proc__name": "CAT"}, True),
        ("toupper(proc.name) = CAT", {"proc__name": "cat"}, True),
        ("basename(proc.exepath) = cat", {"proc__exepath": "/usr/bin/cat"}, True),
        ("len(proc.name) >= 3", {"proc__name": "cat"}, True),
        ("len(fd.types) = 2", {"fd__types": ["a", "b"]}, True),
        ("b64(proc.args) contains ssh", {"proc__args": "L2Jpbi9zc2g="}, True),
        ("b64(proc.args) contains ssh", {"proc__args": "no base64!"}, False),
        ("join(\",\", fd.types) = 'a,b'", {"fd__types": ["a", "b"]}, True),
        ("concat(proc.name, \"-\", proc.name) = a-a", {"proc__name": "a"}, True),
        ("concat(proc.name, proc.pname) = ab", {"proc__name": "a"}, False),
        ("getopt(proc.args, \"p:\")[p] = 80", {"proc__args": "-p 80"}, True),
        ("proc.name = val(proc.pname)", {"proc__name": "a", "proc__pname": "a"}, True),
        ("proc.name = tolower(proc.pname)", {"proc__name": "a", "proc__pname": "A"}, True),
        ("proc.name != val(proc.pname)", {"proc__name": "a"}, False),
        ("proc.name startswith val(proc.pname)", {"proc__name": "ab", "proc__pname": "a"}, True),
    ],
)  # fmt: skip
def test_each_kind_of_field_has_its_own_meaning(
    text: str, record: dict[str, Any], wanted: bool
) -> None:
    assert holds(text, **record) is wanted


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("proc.nam = a", 1, 'nonexistent field "proc.nam"; did you mean "proc.name"?'),
        ("proc.name and shells", 11, "operator"),
        ("shells", 1, "undefined macro 'shells'"),
        ("proc.name in shells", 14, "undefined list 'shells'"),
        ("fd.num contains 1", 1, "'contains' operator not supported"),
        ("fd.num = x", 10, 'wanted an integer, found "x"'),
        ("fd.num = 1.5", 10, "integer"),
        ("fd.sip = 1.2.3", 10, "an IP address"),
        ("fd.snet = 1.2.3.4", 11, "10.0.0.0/8"),
        ("fd.sport = nonsense", 12, "a port"),
        ("evt.is_open_read = yes", 20, "true or false"),
        ("fd.types = a", 1, "'=' operator not supported"),
        ("proc.name regex '('", 1, "missing"),
        ("proc.name bcontains ab", 1, "not supported"),
        ("evt.buffer bcontains abc", 22, "even number"),
        ("evt.arg = a", 1, "needs an argument"),
        ("proc.name[1] = a", 1, "takes no argument"),
        ("proc.aname[x] = a", 1, "number from 0 on"),
        ("proc.name = val(fd.num)", 1, "same type"),
        ("proc.name = val(fd.ip)", 1, "right-hand side"),
        ("proc.name regex val(proc.pname)", 1, "another field"),
        ("tolower(evt.rawarg.flags) = a", 1, "does not support transformers"),
        ("tolower(fd.num) = a", 1, "does not take an integer"),
        ("len(proc.name, proc.pname) = 1", 1, "one argument"),
        (f"proc.name = {'x' * 256}", 13, "too long (used=256, available=255)"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(text: str, column: int, reason: str) -> None:
    with pytest.raises(ConditionError) as raised:
        compile_condition(text, FALCO_FIELDS)
    assert reason in str(raised.value)
    assert raised.value.column == column


@pytest.mark.parametrize(
    ("text", "record", "wanted"),
    [
        ("alert.priority >= warning", {"alert.priority": "Error"}, True),
        ("alert.priority >= warning", {"alert.priority": "Notice"}, False),
        ("alert.priority = info", {"alert.priority": "Informational"}, True),
        ("alert.priority in (error, critical)", {"alert.priority": "Critical"}, True),
        ("alert.tags intersects (a, b)", {"alert.tags": ["b", "c"]}, True),
        ("alert.tags in (a, b)", {"alert.tags": ["b", "c"]}, False),
        ("alert.score > 50", {"alert.score": 51}, True),
        ("alert.rule startswith Sh", {"alert.rule": "Shell"}, True),
        ("my.field = 5", {"my.field": 5}, True),
        ("my.field = 5", {"my.field": "5"}, True),
        ("my.field > 4.5", {"my.field": 5}, True),
        ("my.field = true", {"my.field": True}, True),
        ("my.field = 1", {"my.field": True}, False),
        ("my.field contains a", {"my.field": 5}, False),
        ("my.field < 1e+999", {"my.field": 5}, True),
        ("my.field in (1e+999, 5)", {"my.field": 5}, True),
        ("my.field in (a, b)", {"my.field": ["a", "b"]}, True),
        ("my.field intersects (a)", {"my.field": ["a", "b"]}, True),
        ("my.field exists", {"my.field": None}, False),
        ("alert.field[plain] = x", {"plain": "x"}, True),
        ("proc.pid = 7", {"proc.pid": "7"}, True),
        ("fd.sip = 10.0.0.1", {"fd.sip": "10.0.0.1"}, True),
        ("fd.snet in (10.0.0.0/8)", {"fd.snet": "10.1.2.3"}, True),
        ("proc.aname[2] = sshd", {"proc.aname[2]": "sshd"}, True),
    ],
)
def test_alerts_have_their_own_fields_and_values_of_any_type(
    text: str, record: dict[str, Any], wanted: bool
) -> None:
    assert alerts(text, record) is wanted


@pytest.mark.parametrize("text", ["alert.nonsense = 1", "alert.priority = loud", "alert.tags = a"])
def test_what_no_alert_has_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition(text)


def test_a_condition_knows_its_fields_and_its_text() -> None:
    condition = compile_condition("alert.rule=x and not fd.sip exists or a.b[1] in (1)")
    assert condition.fields == {"alert.rule", "fd.sip", "a.b[1]"}
    assert condition.text == "((alert.rule = x and not fd.sip exists) or a.b[1] in (1))"


@pytest.mark.parametrize("depth", [30, 100, 900])
def test_deep_nesting_is_compiled(depth: int) -> None:
    text = "(a.b = 1 or not " * depth + "(c.d = 2)" + ")" * depth
    assert compile_condition(text)({"a.b": "0", "c.d": "2"}) is (depth % 2 == 0)

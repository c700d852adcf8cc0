"""Outputs: which formats there are, and what they print for each kind of value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.rules.compile import Record
from sidekick.rules.falco_fields import FALCO_FIELDS
from sidekick.rules.output import OutputError, compile_output

NOON = 1_700_000_000_123_456_789


def printed(text: str, record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return compile_output(text, FALCO_FIELDS).format(Record(record))


@pytest.mark.parametrize(
    ("text", "record", "shown"),
    [
        ("no field", {}, "no field"),
        ("", {}, ""),
        ("%proc.name", {"proc.name": "cat"}, "cat"),
        ("a %proc.name.", {"proc.name": "cat"}, "a cat."),
        ("%proc.nameless", {"proc.name": "cat"}, "catless"),
        ("%proc.name%proc.pname", {"proc.name": "a", "proc.pname": "b"}, "ab"),
        ("(%proc.name)", {}, "(<NA>)"),
        ("*%proc.name", {}, "<NA>"),
        ("**%proc.name", {"proc.name": "a"}, "*a"),
        ("%proc.name", {"proc.name": ""}, ""),
        ("%proc.name", {"proc.name": "<NA>"}, "<NA>"),
        ("[%8proc.name]", {"proc.name": "cat"}, "[cat     ]"),
        ("[%2proc.name]", {"proc.name": "cat"}, "[ca]"),
        ("[%6proc.name]", {}, "[<NA>  ]"),
        ("[%2proc.name]", {}, "[<N]"),
        ("[%4proc.name]", {"proc.name": "éa"}, "[éa ]"),
        ("[%1proc.name]", {"proc.name": "é"}, "[\ufffd]"),
        ("%proc.aname[2]", {"proc.aname[2]": "sshd"}, "sshd"),
        ("%proc.aname", {"proc.aname": ["bash", "sshd"]}, "bash sshd"),
        ("%proc.aname", {"proc.aname": []}, "<NA>"),
        ("%proc.env[PATH]", {"proc.env[PATH]": "/bin"}, "/bin"),
        ("%evt.arg.flags and", {"evt.arg.flags": "O_RDONLY"}, "O_RDONLY and"),
        ("%evt.arg[flags]", {"evt.arg[flags]": "O_RDONLY"}, "O_RDONLY"),
        ("%evt.rawarg.x", {"evt.rawarg.x": 5}, "5"),
        ("%jevt.value[/a/b]!", {"jevt.value[/a/b]": "x"}, "x!"),
        ('%jevt.value["/a b"]', {"jevt.value[/a b]": "x"}, "x"),
        ("%fd.num", {"fd.num": -1}, "-1"),
        ("%evt.is_open_read", {"evt.is_open_read": True}, "true"),
        ("%evt.is_open_read", {"evt.is_open_read": False}, "false"),
        ("%fd.sip", {"fd.sip": "10.0.0.1"}, "10.0.0.1"),
        ("%fd.sip", {"fd.sip": b"\x0a\0\0\x01"}, "10.0.0.1"),
        ("%ka.req.role.rules", {"ka.req.role.rules": ["a", "b"]}, "(a,b)"),
        ("%ka.req.role.rules", {"ka.req.role.rules": []}, "<NA>"),
        ("%evt.buffer", {"evt.buffer": b"GET\x00\xff"}, "GET.."),
        ("%toupper(proc.name)", {"proc.name": "cat"}, "CAT"),
        ("%toupper(proc.name)", {}, "<NA>"),
        ("%len(proc.name)x", {"proc.name": "cat"}, "3x"),
        ("%concat(proc.name, \"-\", proc.pname)", {"proc.name": "a", "proc.pname": "b"}, "a-b"),
        ("%concat(proc.name, \")\")", {"proc.name": "a"}, "a)"),
        ("%evt.time.iso8601", {"evt.rawtime": NOON}, "2023-11-14T22:13:20.123456789+0000"),
        ("a %container.info b", {}, "a  b"),
    ],
)  # fmt: skip
def test_a_format_prints(text: str, record: dict[str, Any], shown: str) -> None:
    assert printed(text, record)[0] == shown


@pytest.mark.parametrize(
    ("text", "value", "typed"),
    [
        ("proc.name", "cat", "cat"),
        ("proc.name", None, None),
        ("fd.num", 3, 3),
        ("user.loginuid", -1, -1),
        ("evt.is_open_read", True, True),
        ("fd.sport", 443, 443),
        ("fd.sip", "10.0.0.1", "10.0.0.1"),
        ("fd.sip", b"\x0a\0\0\x01", "10.0.0.1"),
        ("proc.aname", ["bash", "sshd"], "bash sshd"),
        ("proc.aname[2]", "sshd", "sshd"),
        ("ka.req.role.rules", ["a", "b"], ["a", "b"]),
        ("ka.req.role.rules", [], None),
        ("evt.buffer", b"\xcaA", ".A"),
        ("proc.duration", 5_000_000_000, 5_000_000_000),
    ],
)
def test_fields_keep_their_types(text: str, value: Any, typed: Any) -> None:
    fields = printed(f"x %{text} y", {text: value})[1]
    assert fields == {text: typed}
    assert json.loads(json.dumps(fields)) == fields


def test_each_field_is_there_once_and_widths_are_not_of_its_name() -> None:
    fields = printed("%5proc.name %proc.name %toupper(proc.name)", {"proc.name": "a"})[1]
    assert fields == {"proc.name": "a"}


@pytest.mark.parametrize("name", ["time", "time.s", "time.iso8601", "datetime", "datetime.s"])
def test_times_are_nanoseconds_in_the_fields(name: str) -> None:
    text, fields = printed(f"%evt.{name}", {"evt.rawtime": NOON})
    assert fields == {f"evt.{name}": NOON}
    assert ":13:20" in text or ":43:20" in text
    assert (".123456789" in text) is not name.endswith(".s")


def test_it_knows_the_fields_that_it_reads() -> None:
    output = compile_output("%proc.name %tolower(fd.name) %evt.time", FALCO_FIELDS)
    assert output.keys == {"proc.name", "fd.name", "evt.rawtime"}


def test_outputs_are_joined_with_a_blank() -> None:
    first = compile_output("a %proc.name", FALCO_FIELDS)
    second = compile_output("b %fd.num c", FALCO_FIELDS)
    record = Record({"proc.name": "x", "fd.num": 1})
    assert first.then(second).format(record) == ("a x b 1 c", {"proc.name": "x", "fd.num": 1})
    assert first.then(second).text == "a %proc.name b %fd.num c"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("%", "formatting cannot end with a %"),
        ("a %%proc.name", "invalid formatting token"),
        ("%5", "invalid formatting token"),
        ("%no.such.field", "invalid formatting token no.such.field"),
        ("100% sure", "invalid formatting token"),
        ("%proc.nam", "proc.nam"),
        ("%proc.aname[x]", "takes a number"),
        ("%evt.arg", "needs an argument"),
        ("%toupper(proc.name", "no ')'"),
        ("%toupper(no.such)", "nonexistent field"),
        ("%toupper(fd.num)", "does not take"),
    ],
)
def test_what_is_no_format_is_refused(text: str, reason: str) -> None:
    with pytest.raises(OutputError) as caught:
        compile_output(text, FALCO_FIELDS)
    assert reason in str(caught.value)


_LITERALS = st.text(alphabet="a{}'\"\\\n%\u00e9 ", max_size=6).map(
    lambda text: text.replace("%", "")
)
_TOKENS = st.sampled_from(
    ["%proc.name", "%5proc.name", "%fd.num", "%fd.sip", "%proc.aname[2]", "%toupper(proc.name)"]
)
_VALUES = st.sampled_from(["cat", "\udcff", "", 7, True, None, b"\x7f\0\0\1", b"\0", [1], object()])


@given(st.lists(st.tuples(_LITERALS, _TOKENS, _VALUES), max_size=6), _LITERALS)
def test_what_is_generated_writes_what_the_careful_way_does(
    parts: list[tuple[str, str, Any]], end: str
) -> None:
    names = ("proc.name", "fd.num", "fd.sip", "proc.aname[2]")
    record = dict.fromkeys(names) | {
        name: value for _, token, value in parts for name in names if name in token
    }
    output = compile_output("".join(text + token for text, token, _ in parts) + end, FALCO_FIELDS)

    def outcome(write: Any) -> Any:
        try:
            return write(record)
        except Exception as error:
            return type(error)

    assert outcome(output.format) == outcome(output._format)

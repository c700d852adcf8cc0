"""Falco's JSON, taken as tolerantly as falcosidekick takes it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.errors import InvalidAlert
from sidekick.model import Alert, Priority
from sidekick.sources import falco
from sidekick.sources.falco import decode, decode_many

TIME = "2026-01-02T10:20:30.123456789Z"
WHOLE: dict[str, Any] = {
    "uuid": "00000000-0000-4000-8000-000000000001",
    "hostname": "node-1",
    "output": "10:20:30.123456789: Warning a shell was spawned",
    "priority": "Warning",
    "rule": "Terminal shell in container",
    "source": "syscall",
    "tags": ["shell", "container", "T1059"],
    "time": TIME,
    "output_fields": {"evt.time": 1767349230123456789, "proc.name": "sh", "proc.tty": None},
}


def with_(**changes: Any) -> bytes:
    """The whole alert with some members changed."""
    return json.dumps(WHOLE | changes).encode()


def without(*names: str) -> bytes:
    """The whole alert with some members left out."""
    return json.dumps({k: v for k, v in WHOLE.items() if k not in names}).encode()


def test_an_alert_as_falco_writes_it_comes_out_whole() -> None:
    body = json.dumps(WHOLE, separators=(",", ":")).encode()
    assert decode(body) == Alert(
        rule="Terminal shell in container",
        priority=Priority.WARNING,
        source="syscall",
        time=TIME,
        time_ns=1_767_349_230_123_456_789,
        fields=WHOLE["output_fields"],
        fields_json=b'{"evt.time":1767349230123456789,"proc.name":"sh","proc.tty":null}',
        output=WHOLE["output"],
        hostname="node-1",
        tags=("T1059", "container", "shell"),
        plain=True,
    )
    assert same(falco._strict(body), falco._tolerant(body))


def same(quick: Alert | None, tolerant: Alert) -> bool:
    """Whether both say the same, but for ``plain``, about which only the quick way tells."""
    return quick is not None and msgspec.structs.replace(quick, plain=False) == tolerant


@pytest.mark.parametrize(
    ("fields", "plain"),
    [
        ('{"a":1,"b":"x"}', True),
        ("{}", True),
        ('{"b":1,"a":2}', False),
        ('{"a":{"c":1}}', False),
        ('{"a":[]}', False),
        ('{"a": 1}', False),
        ('{"a":1.50}', False),
        ('{"a":1,"a":2}', False),
    ],
)
def test_an_alert_is_plain_if_its_fields_are_sorted_and_compact(fields: str, plain: bool) -> None:
    assert decode(alert_text(f'"output_fields":{fields}')).plain is plain


def alert_text(members: str) -> bytes:
    """An alert that has the required members and, after them, these."""
    head = f'{{"rule":"r","priority":"Error","time":"{TIME}"'
    return f"{head}{',' if members else ''}{members}}}".encode("utf-8", "surrogatepass")


TOLERATED: list[tuple[str, bytes, dict[str, Any]]] = [
    ("upper-case keys", alert_text('"RULE":"x","Output_Fields":{"a":1}'), {"rule": "x"}),
    ("Go's folding of a long s", alert_text('"ho\u017ftname":"x"'), {"hostname": "x"}),
    ("a key that only looks alike", alert_text('"output_ﬁelds":7'), {"fields_json": b"{}"}),
    ("unknown keys of any kind", alert_text('"sidekick":{"a":[1]},"n":1e999'), {"rule": "r"}),
    ("the last of two", alert_text('"rule":"a","rule":"b"'), {"rule": "b"}),
    ("null after a text", alert_text('"rule":"a","rule":null'), {"rule": "a"}),
    (
        "two output_fields",
        alert_text('"output_fields":{"a":1,"b":1},"output_fields":{"b":2}'),
        {"fields": {"a": 1, "b": 2}, "fields_json": b'{"a":1,"b":2}'},
    ),
    (
        "two output_fields, one of them escaped",
        alert_text('"output_fields":{"a":1},"output\\u005ffields":{"b":2}'),
        {"fields": {"a": 1, "b": 2}},
    ),
    (
        "null empties output_fields",
        alert_text('"output_fields":{"a":1},"output_fields":null'),
        {"fields": {}, "fields_json": b"{}"},
    ),
    ("one field twice", alert_text('"output_fields":{"a":1,"a":2}'), {"fields_json": b'{"a":2}'}),
    ("blanks", alert_text('"output_fields": {\n "a" : 1 }'), {"fields_json": b'{"a":1}'}),
    ("bytes after the value", alert_text("") + b" xx{", {"rule": "r"}),
    ("a second alert", alert_text("") + b"\n" + alert_text('"rule":"x"'), {"rule": "r"}),
    ("blanks before the value", b" \t\r\n" + alert_text(""), {"rule": "r"}),
    (
        "invalid UTF-8",
        alert_text('"output":"\udcff"').replace(b"\xed\xb3\xbf", b"\xff"),
        {"output": "�"},
    ),
    ("a lone surrogate", alert_text('"output":"\\ud800 \\\\ud800"'), {"output": "� \\ud800"}),
    ("a surrogate pair", alert_text('"output":"\\ud83d\\ude00"'), {"output": "😀"}),
    (
        "a lone surrogate in a field",
        alert_text('"output_fields":{"\\udc00":"\\udc00\\ud800"}'),
        {"fields": {"�": "��"}, "fields_json": '{"�":"��"}'.encode()},
    ),
    ("no source", alert_text(""), {"source": "syscalls"}),
    ("an empty source", alert_text('"source":""'), {"source": "syscalls"}),
    ("a null source", alert_text('"source":null'), {"source": "syscalls"}),
    ("no output, hostname, tags", alert_text(""), {"output": "", "hostname": "", "tags": ()}),
    ("null tags", alert_text('"tags":null'), {"tags": ()}),
    ("a null among the tags", alert_text('"tags":["b",null,"a"]'), {"tags": ("a", "b")}),
    ("tags stay double", alert_text('"tags":["b","Z","b","é"]'), {"tags": ("Z", "b", "b", "é")}),
    ("no output_fields", alert_text(""), {"fields": {}, "fields_json": b"{}"}),
    ("empty output_fields", alert_text('"output_fields":{}'), {"fields": {}}),
    ("message beside output", alert_text('"message":"m","output":"o"'), {"output": "o"}),
    ("message alone", alert_text('"message":"m"'), {"output": "m"}),
    ("a uuid that is no text", alert_text('"uuid":5'), {"rule": "r"}),
    (
        "a namespace that is a number",
        alert_text('"output_fields":{"k8s.ns.name":5,"k8s.pod.name":["x"]}'),
        {"fields": {"k8s.ns.name": 5, "k8s.pod.name": ["x"]}},
    ),
    (
        "an offset",
        alert_text('"time":"2026-01-02T12:20:30+02:00"'),
        {"time_ns": 1_767_349_230 * 10**9},
    ),
]


@pytest.mark.parametrize(
    ("body", "wanted"), [t[1:] for t in TOLERATED], ids=[t[0] for t in TOLERATED]
)
def test_what_falcosidekick_tolerates_is_tolerated(body: bytes, wanted: dict[str, Any]) -> None:
    alert = decode(body)
    assert {name: getattr(alert, name) for name in wanted} == wanted


@pytest.mark.parametrize("text", ["emergency", "ALERT", "Critical", "eRRor", "warning", "notice"])
def test_priorities_are_read_in_any_case(text: str) -> None:
    assert decode(with_(priority=text)).priority.name == text.upper()


@pytest.mark.parametrize("text", ["info", "Info", "informational"])
def test_info_is_informational(text: str) -> None:
    assert decode(with_(priority=text)).priority is Priority.INFORMATIONAL


NUMBERS = [
    "9223372036854775807",
    "18446744073709551616",
    "-1" + "0" * 300,
    "1.50",
    "1E5",
    "-0",
    "-0.0",
    "0.1e-999",
    "0." + "3" * 5000,
]


@pytest.mark.parametrize("digits", NUMBERS)
def test_numbers_keep_their_digits(digits: str) -> None:
    alert = decode(alert_text(f'"output_fields":{{"a":{digits},"b":[{{"c":{digits}}}]}}'))
    assert alert.fields_json.decode() == f'{{"a":{digits},"b":[{{"c":{digits}}}]}}'
    assert alert.fields["a"] == pytest.approx(float(digits)) or abs(alert.fields["a"]) > 2**53


@pytest.mark.parametrize("digits", ["1e400", "-1e99999999999999999999", "7" * 5000])
def test_numbers_that_no_consumer_can_read_become_text(digits: str) -> None:
    alert = decode(alert_text(f'"output_fields":{{"a":{digits}}}'))
    assert alert.fields == {"a": digits}
    assert alert.fields_json.decode() == f'{{"a":"{digits}"}}'


REFUSED: list[tuple[str, bytes, str, str]] = [
    ("nothing", b"", "", "found nothing"),
    ("blanks", b" \n", "", "found nothing"),
    ("an array", b"[]", "", "found a list"),
    ("a scalar", b"1", "", "found a number"),
    ("a string", b'"x"', "", "found a string"),
    ("null", b"null", "", "found null"),
    ("true", b"true", "", "found a boolean"),
    ("no JSON", b"\x00\x01 not json", "", "not JSON"),
    ("Falco's text", b"16:31:56.746609046: Error A file below /etc", "", "set json_output: true"),
    (
        "Falco's text, ISO 8601",
        b"2026-01-02T16:31:56.746609046+0000: Warning A file (user=root)\n",
        "",
        "set json_output: true",
    ),
    ("a cut body", with_()[:-9], "", "not JSON"),
    ("a byte order mark", b"\xef\xbb\xbf" + with_(), "", "not JSON"),
    ("a raw line break in a text", alert_text('"output":"a\nb"'), "", "not JSON"),
    ("a bad escape", alert_text('"output":"\\q"'), "", "not JSON"),
    ("a leading zero", alert_text('"output_fields":{"a":01}'), "", "not JSON"),
    ("NaN", alert_text('"output_fields":{"a":NaN}'), "", "NaN is not JSON"),
    ("infinity", alert_text('"output_fields":{"a":-Infinity}'), "", "-Infinity is not JSON"),
    ("no rule", without("rule"), "rule", "found none"),
    ("an empty rule", with_(rule=""), "rule", "found none"),
    ("a null rule", with_(rule=None), "rule", "found none"),
    ("a list as rule", with_(rule=["x"]), "rule", "wanted a string, found a list"),
    ("no priority", without("priority"), "priority", "wanted one of Emergency, Alert"),
    ("a null priority", with_(priority=None), "priority", "wanted one of"),
    ("a number as priority", with_(priority=4), "priority", "wanted a string, found a number"),
    ("an unknown priority", with_(priority="Loud"), "priority", "found 'Loud'"),
    ("a priority with a blank", with_(priority=" error"), "priority", "found ' error'"),
    ("a priority taken back", alert_text('"priority":null'), "priority", "found ''"),
    ("no time", without("time"), "time", "RFC 3339"),
    ("a null time", with_(time=None), "time", "RFC 3339"),
    ("a number as time", with_(time=12), "time", "found a number"),
    ("a word as time", with_(time="yesterday"), "time", "found 'yesterday'"),
    ("Go's zero time", with_(time="0001-01-01T00:00:00Z"), "time", "no time"),
    ("fields as list", with_(output_fields=[]), "output_fields", "wanted an object, found a list"),
    ("fields as text", with_(output_fields="x"), "output_fields", "found a string"),
    ("tags as text", with_(tags="x"), "tags", "wanted a list of strings, found a string"),
    ("a number among the tags", with_(tags=["a", 1]), "tags", "found a number"),
    ("an object as output", with_(output={}), "output", "found an object"),
    ("a number as hostname", with_(hostname=1), "hostname", "found a number"),
    ("a boolean as source", with_(source=True), "source", "found a boolean"),
]


@pytest.mark.parametrize(
    ("body", "field", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_falcosidekick_refuses_is_refused(body: bytes, field: str, reason: str) -> None:
    with pytest.raises(InvalidAlert) as caught:
        decode(body)
    assert caught.value.field == field
    assert reason in caught.value.reason


def nested(depth: int) -> bytes:
    """An alert whose output_fields have that many levels."""
    return alert_text('"output_fields":' + '{"a":' * depth + "1" + "}" * depth)


def test_fields_may_be_nested_to_a_limit() -> None:
    assert decode(nested(64)).fields["a"]
    with pytest.raises(InvalidAlert, match="nested deeper than 64 levels"):
        decode(nested(65))


@pytest.mark.parametrize("body", [nested(50_000), b"[" * 1_000_000, b'{"a":' * 200_000])
def test_absurd_nesting_is_refused_without_a_crash(body: bytes) -> None:
    with pytest.raises(InvalidAlert, match="nested too deeply"):
        decode(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = st.sampled_from([*WHOLE, "message", "RULE", "Output_Fields", "x"])
ALERTS = st.builds(
    lambda base, extra, drop: {k: v for k, v in (base | extra).items() if k not in drop},
    st.just(WHOLE),
    st.dictionaries(MEMBERS, JSON | st.sampled_from(["info", TIME, {"a": 1.5}]), max_size=3),
    st.sets(MEMBERS, max_size=2),
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """An alert as some sender may write it, perhaps broken by a few changed bytes."""
    text = json.dumps(
        draw(ALERTS),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", " : ")])),
    )
    body = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(body)))
        width = draw(st.integers(0, 2))
        body[place : place + width] = draw(st.sampled_from(PIECES) | st.binary(max_size=2))
    return bytes(body)


PIECES = [
    b'"',
    b"\\",
    b"\\u005f",
    b"\\ud800",
    b"\xff",
    b",",
    b'"rule":"x",',
    b"1e999",
    b"00",
    b"{}",
]
PIECES += [b'"output_fields":{"a":1.50},', b"null", b" ", b"\n", b'"output\\u005ffields":{"z":1},']


@settings(max_examples=400, deadline=None)
@given(bodies())
def test_the_quick_way_never_disagrees_with_the_tolerant_one(body: bytes) -> None:
    quick = falco._strict(body)
    if quick is not None:
        assert same(quick, falco._tolerant(body))


@settings(max_examples=300, deadline=None)
@given(bodies() | st.binary(max_size=200))
def test_any_body_is_an_alert_or_an_invalid_alert(body: bytes) -> None:
    try:
        alert = decode(body)
    except InvalidAlert:
        return
    assert msgspec.json.decode(alert.fields_json) == alert.fields
    assert b"\n" not in alert.fields_json
    assert msgspec.json.decode(msgspec.json.encode(alert)) is not None


def rules(body: bytes, content_type: str = "") -> list[str]:
    """What each item of a body is: the rule of an alert, or "!" and why it is none."""
    items = decode_many(body, content_type)
    return [i.rule if isinstance(i, Alert) else f"!{i}" for i in items]


ONE, TWO, BAD = with_(rule="one"), with_(rule="two"), with_(rule=7)
WHY = "!rule: wanted a string, found a number"


@pytest.mark.parametrize("content_type", ["", "application/json", "application/x-ndjson"])
def test_a_bad_line_does_not_touch_its_neighbours(content_type: str) -> None:
    body = b"\n".join([ONE, BAD, b"", b"\r", TWO + b"\r", b""])
    assert rules(body, content_type) == ["one", WHY, "two"]


@pytest.mark.parametrize("first", [b"garbage", b"{", b'{"rule": "x"', ONE[:-1], BAD + b" x", b"]"])
def test_a_bad_first_line_does_not_touch_the_others(first: bytes) -> None:
    found = rules(b"\n".join([first, ONE, b"{", TWO]))
    assert len(found) == 4
    assert [found[1], found[3]] == ["one", "two"]


@pytest.mark.parametrize("body", [b"%b\n%b\n", b"[%b,%b]", b" %b\r\n%b"])
def test_what_is_refused_is_kept_apart(body: bytes) -> None:
    (refused,) = (i for i in decode_many(body % (ONE, BAD)) if isinstance(i, InvalidAlert))
    assert refused.body == BAD


@pytest.mark.parametrize("rest", [b'{"x": {', b"nonsense]"])
def test_of_a_broken_array_the_rest_is_kept_apart(rest: bytes) -> None:
    *_, refused = decode_many(b"[%b, %b" % (ONE, rest))
    assert isinstance(refused, InvalidAlert)
    assert refused.body == rest


@pytest.mark.parametrize("blank", [b"", b" ", b"\n\t"])
def test_a_bad_item_does_not_touch_its_neighbours(blank: bytes) -> None:
    items = [b"[", ONE, b",", BAD, b",", b"5", b",", TWO, b"]", b""]
    assert rules(blank.join(items)) == ["one", WHY, "!wanted a JSON object, found a number", "two"]


def test_a_single_object_may_span_lines() -> None:
    assert rules(json.dumps(WHOLE | {"rule": "one"}, indent=2).encode()) == ["one"]
    assert rules(ONE) == ["one"]


def test_texts_of_json_seq_begin_with_a_record_separator() -> None:
    assert rules(b"\x1e" + ONE + b"\n\x1e" + TWO + b"\n", "application/json-seq") == ["one", "two"]


def test_an_empty_array_and_no_lines_have_no_alerts() -> None:
    assert rules(b" [ ] ") == []
    assert rules(b"\n\n", "application/x-ndjson") == []


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (b"", "not closed"),
        (b"]", "not JSON from"),
        (b"{]", "not JSON from"),
        (b'{"a":"', "not JSON"),
    ],
)
def test_a_broken_array_keeps_what_came_before_the_break(tail: bytes, why: str) -> None:
    first, *rest = rules(b"[" + ONE + (b"," + tail if tail else b""))
    assert first == "one"
    assert len(rest) == 1
    assert why in rest[0]


def test_an_item_of_an_array_keeps_its_numbers() -> None:
    body = b"[" + alert_text('"output_fields":{"a":1.50,"b":' + "7" * 30 + "}") + b"]"
    (alert,) = decode_many(body)
    assert isinstance(alert, Alert)
    assert alert.fields_json == b'{"a":1.50,"b":' + b"7" * 30 + b"}"


@settings(max_examples=200, deadline=None)
@given(st.lists(bodies() | st.just(ONE), max_size=4), st.sampled_from(["", "application/x-ndjson"]))
def test_any_body_of_many_is_split_without_a_crash(parts: list[bytes], content_type: str) -> None:
    for body in (b"\n".join(parts), b"[" + b",".join(parts) + b"]"):
        for item in decode_many(body, content_type):
            assert isinstance(item, Alert | InvalidAlert)

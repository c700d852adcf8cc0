"""Falco's grammar: what is accepted, what is refused and where, and how it is printed back."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.errors import ConditionError
from sidekick.rules.ast import And, Check, Field, Macro, Node, Not, Or, Transform, Value, Values
from sidekick.rules.parser import parse
from sidekick.rules.printer import canonical, source

RULES = Path(__file__).parents[3] / "shared" / "falco-rules"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a", "a"),
        ("proc.name = cat", "proc.name = cat"),
        ("proc.name=cat", "proc.name = cat"),
        ("proc.name == 'a b'", 'proc.name == "a b"'),
        ("a and b or c", "((a and b) or c)"),
        ("a or b and c", "(a or (b and c))"),
        ("not a and b", "(not a and b)"),
        ("not not a", "a"),
        ("not(a)", "not a"),
        ("not (a or b)", "not (a or b)"),
        ("a and(b)", "(a and b)"),
        ("a or(b and c)", "(a or (b and c))"),
        ("((a))", "a"),
        ("(a and b) and c", "((a and b) and c)"),
        ("a\tand\nb", "(a and b)"),
        ("notb", "notb"),
        ("evt.num exists", "evt.num exists"),
        ("evt.num exists and a", "(evt.num exists and a)"),
        ("fd.num >= 0x1F", "fd.num >= 0x1F"),
        ("fd.num > -3", "fd.num > -3"),
        ("proc.name in (a, b,c )", "proc.name in (a, b, c)"),
        ("proc.name in(a)", "proc.name in (a)"),
        ("proc.name in shells", "proc.name in shells"),
        ("proc.name in ()", "proc.name in ()"),
        ("proc.name pmatch (/etc, /usr)", "proc.name pmatch (/etc, /usr)"),
        ("proc.name startswith anyof (a, b)", "proc.name startswith anyof (a, b)"),
        ("proc.name = anyof", "proc.name = anyof"),
        ("proc.aname[2] = x", "proc.aname[2] = x"),
        ('container.mount.dest["/a b"] = x', 'container.mount.dest["/a b"] = x'),
        ("tolower(proc.name) = cat", "tolower(proc.name) = cat"),
        ("proc.name = tolower(proc.pname)", "proc.name = tolower(proc.pname)"),
        ("proc.name = val(proc.pname)", "proc.name = val(proc.pname)"),
        ("fd.name = /a:*[b]$%&|!<>+-@#~;?", "fd.name = /a:*[b]$%&|!<>+-@#~;?"),
        (r'proc.args = "a\"b\\c\n"', r'proc.args = "a\"b\\c\n"'),
        (r"proc.args = 'it\'s'", 'proc.args = "it\'s"'),
    ],
)
def test_a_condition_is_read_as_falco_reads_it(text: str, printed: str) -> None:
    assert canonical(parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("", 1, 1, "empty"),
        ("proc.name", 1, 10, "operator"),
        ("proc.name =", 1, 12, "expected a string value"),
        ("proc.name = (a, b)", 1, 13, "expected a string value"),
        ("a andb", 1, 6, "blank"),
        ("a b", 1, 3, "expecting 'or', 'and'"),
        ("(a", 1, 3, "')'"),
        ("a)", 1, 2, "expecting 'or', 'and'"),
        ("a and\n  proc.name in (b", 2, 18, "')'"),
        ("fd.num > abc", 1, 10, "number"),
        ("proc.name contains", 1, 11, "operator"),
        ("val(proc.name) = a", 1, 4, "expecting"),
        ('proc.name = "abc', 1, 13, "string"),
        (r'proc.name = "a\q"', 1, 15, "escape"),
        ("proc.env[ = a", 1, 10, "argument"),
        ("AND a", 1, 5, "expecting"),
        ("= a", 1, 1, "identifier"),
        ("tolower(proc.name = a", 1, 19, "')'"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_place(
    text: str, line: int, column: int, reason: str
) -> None:
    with pytest.raises(ConditionError) as raised:
        parse(text)
    assert (raised.value.line, raised.value.column) == (line, column), raised.value
    assert reason in raised.value.reason


def test_nesting_has_a_limit_and_costs_linear_time() -> None:
    assert parse("(" * 1000 + "a" + ")" * 1000) == Macro("a")
    with pytest.raises(ConditionError, match="max depth"):
        parse("(" * 1002 + "a" + ")" * 1002)
    assert isinstance(parse(" and ".join(["a"] * 20_000)), And)
    with pytest.raises(ConditionError):
        parse("not " * 50_000)


@given(st.text(max_size=60) | st.text(alphabet="ab. ()=<>!,\"'[]\\notandorinexists", max_size=60))
def test_any_text_is_a_condition_or_is_refused_within_itself(text: str) -> None:
    place, tree = (1, 1), None
    try:
        tree = parse(text)
    except ConditionError as error:
        place = error.line, error.column
    assert 1 <= place[0] <= text.count("\n") + text.count("\r") + 1
    assert 1 <= place[1] <= len(text) + 1
    assert tree is None or parse(source(tree)) == tree


_NAMES = st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,5}){1,2}", fullmatch=True)
_FIELDS = st.builds(Field, _NAMES, st.none() | st.from_regex(r"[0-9]|[a-z/]{1,6}", fullmatch=True))
_TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=0, max_size=12
)
_TEXT_OPERATORS = st.sampled_from(["=", "!=", "contains", "glob"])
_LIST_OPERATORS = st.sampled_from(["in", "intersects", "pmatch"])
_NUMBERS = st.integers().map(str)
_LOWER = st.builds(Transform, st.sampled_from(["tolower", "len"]), st.tuples(_FIELDS))
_CHECKS = st.one_of(
    st.builds(Check, _FIELDS, _TEXT_OPERATORS, st.builds(Value, _TEXTS)),
    st.builds(Check, _FIELDS, _LIST_OPERATORS, st.lists(_TEXTS, max_size=3).map(tuple).map(Values)),
    st.builds(Check, _FIELDS, st.sampled_from(["<", ">="]), st.builds(Value, _NUMBERS)),
    st.builds(Check, _FIELDS, st.just("exists")),
    st.builds(
        Check, _LOWER, st.just("="), st.builds(Transform, st.just("val"), st.tuples(_FIELDS))
    ),
)
_MACROS = st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(
    lambda name: name not in ("not", "and", "or") and not name.startswith("not")
)
_TREES: st.SearchStrategy[Node] = st.recursive(
    _CHECKS | st.builds(Macro, _MACROS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(inner, min_size=2, max_size=3).map(lambda found: Or(tuple(found))),
        inner.map(Not),
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(_TREES)
def test_every_tree_reads_back_from_its_source(tree: Node) -> None:
    assert parse(source(tree)) == tree


def test_every_condition_of_the_official_rules_is_read() -> None:
    if not RULES.exists():
        pytest.skip(f"Falco's rule files are not at {RULES}")
    count = 0
    for file in sorted(RULES.rglob("*.yaml")):
        for document in yaml.load_all(file.read_text(), yaml.BaseLoader):
            for item in document or ():
                if isinstance(item, dict) and "condition" in item:
                    tree = parse(item["condition"])
                    assert parse(source(tree)) == tree
                    count += 1
    assert count > 300

"""Whatever is in a rule file or a condition: it loads, or what is wrong has a place; soon."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidekick.errors import ConditionError
from sidekick.rule_packs import pack_files
from sidekick.rules.compile import Record, compile_condition
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.falco_fields import FALCO_FIELDS
from sidekick.rules.layout import layout
from sidekick.rules.load import MOST_ERRORS, load
from sidekick.rules.parser import parse
from sidekick.rules.ruleset import Rule, RuleSet
from tests.nightly import examples
from tests.rules.loading import OFFICIAL_FILES

ALL_SHAPES = """
- required_engine_version: 0.26.0
- required_plugin_versions:
    - {name: container, version: 0.4.0, alternatives: [{name: other, version: 1.0.0}]}
- list: shells
  items: [bash, sh, "a b", others]
- list: others
  items: [zsh]
- macro: opened
  condition: evt.type in (open, openat) and not fd.name startswith /tmp
- rule: A
  desc: a rule
  condition: >
    opened and proc.name in (shells) or proc.aname[2] = "x y"
    and not fd.snet in (10.0.0.0/8, ::/0) and tolower(proc.name) = val(proc.pname)
  output: file=%fd.name by=%-10proc.name %proc.aname[2] %container.info
  priority: WARNING
  source: syscall
  tags: [one, two]
  enabled: true
  exceptions:
    - {name: e, fields: [fd.name, proc.name], comps: [startswith, in], values: [[/a, [b, c]]]}
    - name: f
      fields: proc.name
      values: &values [cat, shells]
- rule: A
  condition: or fd.name glob "/etc/*"
  override: {condition: append}
- rule: B
  desc: another
  condition: fd.num >= 0x10 and proc.name regex "a(b|c)+" or fd.name pmatch (/etc, /usr/*)
  output: x
  priority: Debug
  warn_evttypes: false
- rule: B
  enabled: false
- list: more
  items: *values
  append: false
"""
PIECES = [
    *("", " ", "\n", "\n  ", "- ", ": ", ", ", "(", ")", "[", "]", "{", "}", "'", '"', "\\", "%"),
    *(
        "&a ",
        "*a",
        "!!x ",
        "|",
        ">",
        "---\n",
        "#",
        "\t",
        "\0",
        "\x07",
        "\ud800",
        "é",
        "~",
        "=",
        "<",
    ),
    *(
        " and ",
        " or ",
        "not ",
        " in ",
        " exists",
        "val(",
        "len(",
        "evt.type",
        "proc.name[",
        "append",
    ),
    *("rule: A", "condition:", "override:", "exceptions:", "9" * 30, "1e+999", "x" * 300, "(" * 60),
]


def mutated(random: Random, text: str) -> str:
    """A text with a few places changed: cut, doubled, moved, or with something put in."""
    for _ in range(random.randrange(1, 6)):
        at, length = random.randrange(len(text) + 1), random.choice((0, 1, 1, 2, 5, 20, 80))
        cut = text[at : at + length]
        other = random.randrange(len(text) + 1)
        match random.randrange(4):
            case 0:
                text = text[:at] + text[at + length :]
            case 1:
                text = text[:at] + cut + text[at:]
            case 2:
                text = text[:other] + cut + text[other:]
            case _:
                text = text[:at] + random.choice(PIECES) + text[at + length :]
    return text


def use(rules: RuleSet) -> None:
    """Do with loaded files whatever can be done with them."""
    for found in (*rules.errors, *rules.warnings):
        mark = found.context.exact(rules.contents)
        text = rules.contents[found.context.file]
        assert 0 <= mark.offset <= len(text)
        assert 0 <= mark.line <= len(text.splitlines())
        assert found.describe(rules.contents)
        assert found.message
        found.lines(rules.contents)
    json.dumps(rules.as_json())
    if rules.ok:
        config = EngineConfig(matching="all", append_output=())
        engine = Engine(rules, config, on_failure=_undecided)
        for type_ in ("open", "execve"):
            engine.alerts("syscall", type_, Record({"proc.name": "cat", "fd.name": "/a/b"}), 1)


def _undecided(rule: Rule, error: Exception) -> None:
    raise AssertionError(rule.name) from error


@cache
def items() -> tuple[str, ...]:
    """The items of the rule files that are here."""
    files = [*pack_files(), *(path for path in OFFICIAL_FILES if path.exists())]
    found = [item for path in files for item in Path(path).read_text().split("\n- ")[1:]]
    return tuple(f"- {item}\n" for item in found)


@settings(max_examples=examples(700, 60_000), deadline=None)
@given(st.randoms(use_true_random=True))
def test_a_broken_file_is_refused_at_its_place_or_loads(random: Random) -> None:
    use(load([("1.yaml", mutated(random, ALL_SHAPES))]))


@settings(max_examples=examples(300, 20_000), deadline=None)
@given(st.randoms(use_true_random=True))
def test_broken_items_of_real_files_are_refused_at_their_place_or_load(random: Random) -> None:
    text = "".join(random.choices(items(), k=random.randrange(1, 6)))
    use(load([("1.yaml", ALL_SHAPES), ("2.yaml", mutated(random, text))]))


@cache
def conditions() -> tuple[str, ...]:
    """Conditions from the rule files that are here."""
    found = [item.partition("condition:")[2].partition("\n  output:")[0] for item in items()]
    return tuple(" ".join(text.strip().removeprefix(">").split()) for text in found if text)


@settings(max_examples=examples(500, 20_000), deadline=None)
@given(st.randoms(use_true_random=True))
def test_a_broken_condition_is_refused_at_its_place_or_compiles(random: Random) -> None:
    text = mutated(random, random.choice(conditions()))
    place, reason = (1, 1), "none"
    try:
        layout(parse(text))
        compile_condition(text)({"proc.name": "cat", "fd.num": 5, "a.b": [1, "x", None]})
        compile_condition(text, FALCO_FIELDS)({"proc.name": "cat", "fd.num": 5})
    except ConditionError as error:
        place, reason = (error.line, error.column), error.reason
    assert reason
    assert 1 <= place[0] <= text.count("\n") + text.count("\r") + 1
    assert 1 <= place[1] <= len(text) + 1


@settings(max_examples=examples(200, 5_000))
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_text_at_all_is_a_rule_file_or_is_refused(data: bytes) -> None:
    use(load([("1.yaml", data.decode("latin-1"))]))


# -- time ------------------------------------------------------------------------------------


def rule(condition: str, name: str = "A", **keys: Any) -> dict[str, Any]:
    keys = {"desc": "d", "output": "x", "priority": "INFO", "warn_evttypes": False, **keys}
    return {"rule": name, "condition": condition, **keys}


def macros(count: int, condition: str) -> list[dict[str, Any]]:
    return [{"macro": f"m{n}", "condition": condition.format(n=n, m=n - 1)} for n in range(count)]


def yaml_text(*found: Any) -> str:
    return json.dumps(list(found))


def joined(text: str, count: int, glue: str = ", ") -> str:
    return glue.join(text.format(n=n) for n in range(count))


GROWING: dict[str, Callable[[int], str]] = {
    "checks": lambda n: yaml_text(rule(joined("proc.name = n{n}", n, " or "))),
    "constants": lambda n: yaml_text(rule(f"proc.name in ({joined('name{n}', 10 * n)})")),
    "constants of another operator": lambda n: yaml_text(
        rule(f"proc.name contains anyof ({joined('name{n}', 10 * n)})")
    ),
    "paths": lambda n: yaml_text(rule(f"fd.name pmatch ({joined('/a/{n}', 5 * n)})")),
    "a list": lambda n: yaml_text(
        {"list": "l", "items": [f"n{k}" for k in range(10 * n)]}, rule("proc.name in (l)")
    ),
    "lists": lambda n: yaml_text(
        *({"list": f"l{k}", "items": ["x"]} for k in range(n)),
        rule(f"proc.name in ({joined('l{n}', n)})"),
    ),
    "nots": lambda n: yaml_text(rule("not " * (20 * n) + "evt.num = 1")),
    "arguments": lambda n: yaml_text(rule(f"concat({joined('proc.name', 5 * n)}) = a")),
    "fields of an output": lambda n: yaml_text(rule("evt.num = 1", output="%proc.name " * n)),
    "a name in an output": lambda n: yaml_text(rule("evt.num = 1", output="%" + "a" * 100 * n)),
    "unknown keys": lambda n: yaml_text({**rule("evt.num = 1"), **{f"k{k}": 1 for k in range(n)}}),
    "rules": lambda n: yaml_text(*(rule(f"evt.num = {k}", f"r{k}") for k in range(n))),
    "unknown fields": lambda n: yaml_text(*(rule(f"proc.n{k} = 1", f"r{k}") for k in range(n))),
    "unknown macros": lambda n: yaml_text(*macros(n, "evt.num = 1"), *macros(n, "xm{n}")),
    "a chain of macros": lambda n: yaml_text(
        {"macro": "m-1", "condition": "evt.num = 1"},
        {"macro": "m0", "condition": "evt.num = 1"},
        *macros(n, "m{m} or evt.num = {n}")[1:],
        rule(f"m{n - 1}"),
    ),
    "appended conditions": lambda n: yaml_text(
        rule("evt.num = 1"),
        *(
            {"rule": "A", "condition": f"or evt.num = {k}", "override": {"condition": "append"}}
            for k in range(n)
        ),
    ),
    "exceptions": lambda n: yaml_text(
        rule(
            "evt.num = 1",
            exceptions=[
                {"name": f"e{k}", "fields": ["proc.name"], "values": [[f"n{k}"]]} for k in range(n)
            ],
        )
    ),
    "quotes": lambda n: yaml_text(rule('proc.name = "' + '\\"' * 50 * n)),
    "a long name": lambda n: yaml_text(rule("a" * 100 * n)),
    "brackets": lambda n: yaml_text(rule(f"proc.aname[{'1' * 100 * n}] = 1")),
    "documents": lambda n: "---\n- a: b\n" * n,
    "aliases": lambda n: "- list: l\n  items: &x [a, b]\n" + "- list: k\n  items: *x\n" * n,
    "an unclosed collection": lambda n: "[" * n,
}
"""Rule files that grow in one way."""


@pytest.mark.parametrize("text", GROWING.values(), ids=GROWING.keys())
def test_eight_times_as_much_takes_no_square_of_the_time(text: Callable[[int], str]) -> None:
    def secs(count: int) -> float:
        written = text(count)
        began = time.process_time()
        use(load([("1.yaml", written)]))
        return time.process_time() - began

    secs(10)
    small = min(secs(250) for _ in range(3))
    assert any(secs(2_000) < 30 * max(small, 0.002) for _ in range(3)), "thrice: no busy machine"


@pytest.mark.parametrize(
    ("condition", "loads"),
    [
        ("(" * 999 + "evt.num = 1" + ")" * 999, True),
        ("(" * 1001 + "evt.num = 1" + ")" * 1001, False),
        ("not(" * 999 + "evt.num = 1" + ")" * 999, True),
        ("(evt.num = 1 or (evt.num = 2 and " * 499 + "evt.num = 3" + "))" * 499, True),
        ("not (evt.num = 1 or not (evt.num = 2 and " * 499 + "evt.num = 3" + "))" * 499, True),
        ("tolower(" * 50 + "proc.name" + ")" * 50 + " = a", True),
        ("tolower(" * 999 + "proc.name" + ")" * 999 + " = a", False),
    ],
    ids=range(7),
)
def test_a_thousand_levels_are_read_and_more_refused(condition: str, loads: bool) -> None:
    rules = load([("1.yaml", yaml_text(rule(condition)))])
    assert rules.ok is loads
    assert loads or "exceeded max depth limit" in rules.errors[0].message
    use(rules)


def test_a_megabyte_of_condition_and_a_hundred_thousand_items_load() -> None:
    long = rule(joined("proc.name = n{n}", 50_000, " or "))
    assert len(long["condition"]) > 1_000_000
    items = [f"n{n}" for n in range(100_000)]
    use(rules := load([("1.yaml", yaml_text(long, {"list": "l", "items": items},
                                            rule("proc.name in (l)", "B")))]))  # fmt: skip
    assert rules.ok
    assert len(rules.rules) == 2


def test_after_many_errors_the_rest_is_not_looked_at() -> None:
    rules = load([("1.yaml", yaml_text(*(rule("x", f"r{n}") for n in range(10 * MOST_ERRORS))))])
    assert len(rules.errors) == MOST_ERRORS


@pytest.mark.parametrize(
    "check",
    [
        "proc.name regex '(a{1000}){1000}'",
        "proc.name regex '((a*)*)*b'",
        "proc.name regex '(a|aa)+b'",
        f"proc.name glob '{'*a' * 120}b'",
        f"proc.name iglob '{'*a?' * 80}b'",
        f"proc.name pmatch ({', '.join('/*a' * n for n in range(1, 60))})",
        f"proc.name contains '{'a' * 250}b'",
    ],
)
def test_no_pattern_hangs(check: str) -> None:
    rules = load([("1.yaml", yaml_text(rule(check)))])
    value = "a" * 4096 if "/" not in check else "/aaa" * 1000
    began = time.process_time()
    if rules.ok:
        engine = Engine(rules, EngineConfig(append_output=()))
        assert not engine.alerts("syscall", "open", Record({"proc.name": value}), 1) or "/" in value
    assert time.process_time() - began < 1.0

"""A template gives what Go's own text/template gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sidekick.go_template import Template
from tests.go_template.cases import BLOCKS, CALLS, CASES, VALUES
from tests.nightly import examples
from tests.servers.go_program import GoProgram, go_program

DATA: dict[str, Any] = {
    "Rule": "Terminal <shell> & 'x' \"y\"",
    "Priority": "Warning",
    "Hostname": "",
    "Tags": ["container", "shell"],
    "OutputFields": {
        "user.name": "bob",
        "proc.name": "bäsh\n",
        "evt.num": 5,
        "yes": True,
        "no": False,
        "none": None,
        "list": ["a", True, None, ["b"]],
        "map": {"b": "2", "a": "1"},
    },
}


@pytest.fixture(scope="module")
def go() -> Iterator[GoProgram]:
    with go_program(Path(__file__).with_name("oracle.go")) as started:
        yield started


def parsed(text: str) -> Template | None:
    """The template; None for a text that is refused."""
    try:
        return Template(text)
    except ValueError:
        return None


def check(go: GoProgram, text: str) -> None:
    """Ours gives and fails as Go's does. What can but fail may be refused before it is filled."""
    theirs = go.ask({"template": text, "data": DATA})
    template = parsed(text)
    if template is None:
        assert theirs["fault"], (text, theirs)
        return
    found = template.run(DATA)
    assert theirs["parses"], (text, theirs["fault"])
    assert found.text == theirs["text"], (text, found, theirs)
    assert bool(found.fault) == bool(theirs["fault"]), (text, found, theirs)


def calls() -> st.SearchStrategy[str]:
    """A pipeline over some values."""
    values = st.lists(st.sampled_from(VALUES), min_size=3, max_size=3)
    return st.builds(lambda call, some: call.format(*some), st.sampled_from(CALLS), values)


def templates() -> st.SearchStrategy[str]:
    """Some blocks in a row."""
    block = st.builds(
        lambda form, one, two: form.replace("ONE", one).replace("TWO", two),
        st.sampled_from(BLOCKS),
        calls(),
        calls(),
    )
    return st.lists(block, min_size=1, max_size=3).map("".join)


@pytest.mark.parametrize("text", CASES)
def test_a_template_is_filled_as_go_fills_it(go: GoProgram, text: str) -> None:
    check(go, text)


@settings(max_examples=examples(400, 50_000))
@given(templates())
def test_whatever_a_template_says_go_says_too(go: GoProgram, text: str) -> None:
    check(go, text)


@settings(max_examples=examples(200, 20_000))
@given(st.text(alphabet='{}.-/*`"\\ \n|()$:=,anifedrg1', max_size=40))
def test_any_text_at_all_parses_where_it_does_for_go(go: GoProgram, text: str) -> None:
    assume(not re.search(r"\di", text))  # complex numbers, which nobody has here
    check(go, f"{{{{{text}}}}}")

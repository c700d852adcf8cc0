from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.settings.expand import MAX_FILE_BYTES, Expansion


def expansion(folder: Path = Path(), **environ: str) -> Expansion:
    return Expansion(environ, folder)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${A}", "one"),
        ("x${A}y${A}", "xoneyone"),
        ("${NONE:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${A:-two}", "one"),
        ("${NONE:-}", ""),
        ("${EMPTY}", ""),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A {A} $", "$A {A} $"),
        ("${NONE:-http://x:80/${A}", "http://x:80/${A"),
    ],
)
def test_variables_stand_for_their_text(text: str, expanded: str) -> None:
    found = expansion(A="one", EMPTY="")
    assert found.expand(text) == expanded
    assert found.faults == []


def test_texts_anywhere_in_the_value_are_expanded_and_nothing_else() -> None:
    found = expansion(A="one")
    value = {"${A}": ["${A}", 1, None, True, {"b": "${A}"}]}
    assert found.expand(value) == {"${A}": ["one", 1, None, True, {"b": "one"}]}
    assert found.origins == {("${A}", 0): "${A}", ("${A}", 4, "b"): "${A}"}


def test_an_expanded_text_is_not_expanded_again() -> None:
    assert expansion(A="${B}", B="no").expand("${A}") == "${B}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("${A}", "the environment variable A is not set"),
        ("${A", 'wanted a "}" after "${"; write "$${" for the two characters'),
        ("${1}", 'found "${1}"'),
        ("${}", 'found "${}"'),
        ("${A-b}", 'found "${A-b}"'),
        ("${file:missing}", "missing cannot be read: No such file or directory"),
        ("${file:a\0b}", "wanted the name of a file"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_fault_with_its_path(text: str, fault: str) -> None:
    found = expansion()
    found.expand({"a": ["b", text]})
    assert [path for path, _ in found.faults] == [("a", 1)]
    assert fault in found.faults[0][1]


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"s3cret\n", "s3cret"), (b"s3cret\r\n", "s3cret"), (b"a\n\n", "a\n"), (b" a ", " a ")],
)
def test_a_file_gives_its_text_without_the_last_newline(
    tmp_path: Path, content: bytes, text: str
) -> None:
    (tmp_path / "token").write_bytes(content)
    found = expansion(tmp_path)
    assert found.expand("${file:token}") == text
    assert found.expand(f"${{file:{tmp_path}/token}}") == text
    assert found.files == {tmp_path / "token"}


def test_files_that_are_no_short_text_are_faults(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    found = expansion(tmp_path)
    found.expand(["${file:long}", "${file:bytes}", f"${{file:{tmp_path}}}"])
    assert len(found.faults) == 3
    assert "\\xff" not in str(found.faults)


def test_what_came_from_outside_is_remembered_so_that_it_can_be_hidden() -> None:
    found = expansion(USER="me", PASSWORD="hunter2")
    found.expand({"url": "http://${USER}:${PASSWORD}@host", "plain": "${X:-default}"})
    assert found.texts == {("url",): {"me", "hunter2", "http://me:hunter2@host"}}


@given(st.text(alphabet="${}:-aA/ file", max_size=30))
def test_any_text_expands_or_is_a_fault(text: str) -> None:
    found = expansion(A="x", a="y")
    assert isinstance(found.expand(text), str)
    if "${" not in text:
        assert found.expand(text) == text

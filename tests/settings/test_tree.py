import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.settings.tree import MAX_DEPTH, BadYaml, Place, Tree, plain, read


def reason_of(text: str) -> tuple[Place, str]:
    with pytest.raises(BadYaml) as caught:
        read(text)
    return caught.value.place, caught.value.reason


def test_keys_and_values_know_their_places() -> None:
    tree = read("a: 1\nb:\n  c: [x,\n    y]\n")
    assert tree.value == {"a": 1, "b": {"c": ["x", "y"]}}
    assert tree.keys[("b", "c")] == Place(3, 3)
    assert tree.values[("a",)] == Place(1, 4)
    assert tree.values[("b", "c", 1)] == Place(4, 5)
    assert tree.near(("b", "c", 7, "z")) == tree.values[("b", "c")]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null"])
def test_a_file_without_values_is_nothing(text: str) -> None:
    assert read(text).value is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("0", 0),
        ("-12", -12),
        ("0x1f", 31),
        ("0o17", 15),
        ("0123", "0123"),
        ("22:00", "22:00"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".inf", ".inf"),
        ("2024-01-01", "2024-01-01"),
        ("9" * 19, int("9" * 19)),
        ("9" * 20, 1e20),
        ("9" * 5000, float("inf")),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = plain(text)
    assert found == value
    assert type(found) is type(value)


def test_quoted_and_tagged_texts_stay_texts() -> None:
    assert read("- \"1\"\n- '2'\n- !!str 3\n- |-\n  4\n").value == ["1", "2", "3", "4"]


def test_a_key_is_always_a_text() -> None:
    assert read("1: a\ntrue: b\nnull: c\n").value == {"1": "a", "true": "b", "null": "c"}


def test_a_duplicate_key_is_a_fault_that_names_the_first() -> None:
    tree = read("a: 1\nb: 2\na: 3\n")
    assert tree.faults == [(Place(3, 1), 'the key "a" is here twice (line 1)')]
    assert tree.value == {"a": 1, "b": 2}


def test_several_faults_are_told_together() -> None:
    tree = read("a: !!int 1\n[x]: 2\nb: !secret x\n")
    assert sorted(place.line for place, _ in tree.faults) == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: b: c\n", 1, "not valid YAML: mapping values are not allowed"),
        ("a:\n\t- b\n", 2, "not valid YAML"),
        ("a: *b\n", 1, 'the alias "*b" names no anchor'),
        ("a: &x [*x]\n", 1, 'the alias "*x" stands inside'),
        ("a: 1\n---\nb: 2\n", 2, "wanted one YAML document, found a second one"),
        ("a: \x01\n", 1, "the character #x0001 is not allowed"),
        ("a: 1\nb: \ud800\n", 2, "not valid YAML"),
        ("a: !!python/object:os.system {}\n", 1, "wanted no YAML tag"),
        ("token: {a: ${TOKEN}}\n", 1, "needs quotes"),
    ],
)
def test_a_text_that_is_no_yaml_says_where_and_why(text: str, line: int, part: str) -> None:
    place, reason = reason_of(text)
    assert place.line == line
    assert part in reason


def test_aliases_repeat_a_value_and_its_places() -> None:
    tree = read("a: &x {b: 1}\nc: *x\n")
    assert tree.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert tree.values[("c", "b")] == tree.values[("a", "b")]


def test_merge_keys_lie_under_what_is_written() -> None:
    text = "x-1: &x {b: 1, c: 1}\nx-2: &y {c: 2, d: 2}\na:\n  <<: [*x, *y]\n  b: 3\n"
    assert read(text).value["a"] == {"b": 3, "c": 1, "d": 2}


def test_a_merge_of_a_text_is_a_fault() -> None:
    assert read("a:\n  <<: b\n").faults[0][0] == Place(2, 7)


@pytest.mark.parametrize("bracket", ["[", "- ", "{a: "])
def test_deep_nesting_is_refused_before_anything_recurses(bracket: str) -> None:
    _, reason = reason_of(bracket * 100_000)
    assert f"at most {MAX_DEPTH} levels" in reason or "not valid YAML" in reason


def test_nesting_through_aliases_is_bounded_too() -> None:
    lines = ["a0: &a0 " + "[" * 40 + "x" + "]" * 40]
    lines += [f"a{n}: &a{n} {'[' * 40}*a{n - 1}{']' * 40}" for n in range(1, 40)]
    assert "levels of nesting" in reason_of("\n".join(lines))[1]


@pytest.mark.parametrize(
    "bomb",
    [
        "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]" for n in range(1, 12)),
        "a0: &a0 {x: 1}\n"
        + "\n".join(f"a{n}: &a{n} {{<<: [{f'*a{n - 1}, ' * 9}]}}" for n in range(1, 12)),
    ],
)
def test_an_alias_bomb_is_refused(bomb: str) -> None:
    assert "wanted at most 100000 keys and values" in reason_of(bomb)[1]


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#,?%@`~<$ \n\t0", max_size=60))
def test_any_text_is_a_tree_or_bad_yaml(text: str) -> None:
    try:
        assert isinstance(read(text), Tree)
    except BadYaml as error:
        if error.place < Place(1, 1) or not error.reason:
            raise

"""Globs, paths, networks, expressions, constants and transformers, each against an oracle."""

from __future__ import annotations

import ctypes
import getopt as python_getopt
import ipaddress
import time
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sidekick.rules import glob, network, regex, transformers
from sidekick.rules.constants import BadConstant, parse_constant
from sidekick.rules.escapes import BadEscape, readable, unescape
from sidekick.rules.fields import FieldType
from sidekick.rules.paths import PathPrefixes

_LIBC = ctypes.CDLL(None)
_LIBC.fnmatch.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
_CASEFOLD = 1 << 4


def fnmatch(pattern: str, text: str, flags: int = 0) -> bool:
    """What C says."""
    return int(_LIBC.fnmatch(pattern.encode(), text.encode(), flags)) == 0


_PATTERNS = st.text(alphabet="ab/*?[]!^-\\.:A", max_size=10)
_TEXTS = st.text(alphabet="abA/.-[]!^:\\", max_size=10)


@given(_PATTERNS, _TEXTS)
@example("[!a]", "b")
@example("[[:upper:]]*", "Ab")
@example("a\\*", "a*")
@example("*a*b*a", "xxaxxbxxa")
@example("[]a]", "]")
def test_a_glob_matches_what_fnmatch_matches(pattern: str, text: str) -> None:
    # What C makes of a bracket that never closes differs from one to the next.
    assume(pattern.count("[") == 0 or "]" in pattern[pattern.rindex("[") + 2 :])
    assert bool(glob.matcher(pattern)(text)) == fnmatch(pattern, text)


@given(st.text(alphabet="abAB*?/", max_size=8), st.text(alphabet="abAB/", max_size=8))
def test_an_iglob_takes_either_case(pattern: str, text: str) -> None:
    assert bool(glob.matcher(pattern, fold_case=True)(text)) == fnmatch(pattern, text, _CASEFOLD)


@pytest.mark.parametrize("pattern", ["*a" * 25 + "b", "[a-z]*" * 20 + "0"])
def test_a_glob_takes_linear_time(pattern: str) -> None:
    began = time.perf_counter()
    assert not glob.matcher(pattern)("a" * 5000)
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a|ab", "ab", True),
        ("ab", "abc", False),
        ("[[:digit:]]+", "123", True),
        (".*", "a\nb", False),
        ("(a*)*b", "a" * 30, False),
        ("^a$", "a", True),
    ],
)
def test_an_expression_must_match_the_whole(pattern: str, text: str, matches: bool) -> None:
    assert bool(regex.matcher(pattern)(text)) == matches


@pytest.mark.parametrize("pattern", ["(", r"\d", r"\w+", "(?i)a", r"\bword"])
def test_what_posix_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(regex.BadPattern):
        regex.matcher(pattern)


_PATHS = st.lists(st.sampled_from(["etc", "usr", "bin", "a"]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(st.lists(_PATHS, max_size=4), _PATHS)
def test_a_path_is_beneath_another_component_by_component(known: list[str], path: str) -> None:
    wanted = any(path == one or one == "/" or path.startswith(f"{one}/") for one in known)
    assert PathPrefixes(known)(path) == wanted


@pytest.mark.parametrize(
    ("known", "path", "beneath"),
    [
        ("/etc", "/etcetera", False),
        ("/etc/", "/etc/passwd", True),
        ("/usr/*/bin", "/usr/local/bin/x", True),
        ("/usr/*/bin", "/usr/bin", False),
        ("/home/?", "/home/ab", False),
        ("//etc//ssh", "/etc/ssh/key", True),
    ],
)
def test_a_component_may_be_a_glob(known: str, path: str, beneath: bool) -> None:
    assert PathPrefixes([known])(path) is beneath


_NETWORKS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
)


@given(st.lists(_NETWORKS, max_size=4), st.ip_addresses())
def test_an_address_is_in_a_network_as_python_has_it(
    networks: list[tuple[Any, int]], address: Any
) -> None:
    texts = [f"{base}/{length}" for base, length in networks]
    parsed = [network.parse_network(text) for text in texts]
    wanted = any(address in ipaddress.ip_network(text, strict=False) for text in texts)
    packed = network.pack(str(address))
    assert packed is not None
    assert packed == address.packed
    assert (packed in network.Networks([one for one in parsed if one])) == wanted


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4.5", "::ffff:1.2.3.4", "g::", "1.2.3.4/8"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert network.pack(text) is None


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("12", FieldType.INT64, 12),
        ("-12", FieldType.INT8, -12),
        ("0x1F", FieldType.UINT16, 31),
        ("-1", FieldType.UINT32, 2**32 - 1),
        ("443", FieldType.PORT, 443),
        ("ssh", FieldType.PORT, 22),
        ("true", FieldType.BOOL, True),
        ("10.0.0.1", FieldType.ADDRESS, b"\x0a\x00\x00\x01"),
        ("10.0.0.0/8", FieldType.NETWORK, (b"\x0a\x00\x00\x00", 8)),
        ("Warning", FieldType.PRIORITY, 4),
        ("a b", FieldType.STRING, "a b"),
    ],
)
def test_a_constant_is_read_as_its_type(text: str, type_: FieldType, value: Any) -> None:
    assert parse_constant(text, type_, "=") == value


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("128", FieldType.INT8),
        ("65536", FieldType.PORT),
        ("x", FieldType.INT64),
        ("1e3", FieldType.INT64),
        ("9" * 5000, FieldType.STRING),
        ("True", FieldType.BOOL),
        ("10.0.0.0/33", FieldType.NETWORK),
        ("a\0b", FieldType.STRING),
    ],
)
def test_a_constant_of_another_type_is_refused(text: str, type_: FieldType) -> None:
    with pytest.raises(BadConstant):
        parse_constant(text, type_, "=")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_what_is_written_in_quotes_is_read_back(text: str) -> None:
    written = readable(text)
    assert unescape(written[1:-1], '"') == text


@pytest.mark.parametrize(
    ("text", "quote", "meaning"),
    [(r"a\n\t\\", '"', "a\n\t\\"), (r"\x41", '"', "A"), (r"\'", "'", "'"), (r"a\ b", '"', "a\\b")],
)
def test_an_escape_has_its_meaning(text: str, quote: str, meaning: str) -> None:
    assert unescape(text, quote) == meaning


@pytest.mark.parametrize(("text", "quote"), [(r"\q", '"'), (r"\"", "'"), (r"\x4", '"')])
def test_an_escape_that_does_not_exist_is_refused(text: str, quote: str) -> None:
    with pytest.raises(BadEscape):
        unescape(text, quote)


_WORDS = st.lists(st.sampled_from(["-a", "-b1", "-ab", "-b", "x", "-c", "-cval"]), max_size=5)


@given(_WORDS)
def test_getopt_reads_options_as_getopt_does(words: list[str]) -> None:
    try:
        found, _ = python_getopt.gnu_getopt(words, "ab:c:")
    except python_getopt.GetoptError:
        return
    wanted = {name[1:]: value for name, value in found}
    for option in "abc":
        assert transformers.getopt(words, "ab:c:", option) == wanted.get(option)


@given(st.text())
def test_case_is_changed_in_ascii_only(text: str) -> None:
    lowered = transformers.lower(text)
    assert lowered == "".join(c.lower() if c.isascii() else c for c in text)
    assert transformers.upper(lowered) == "".join(c.upper() if c.isascii() else c for c in text)


@pytest.mark.parametrize(
    ("text", "decoded"),
    [("YWI=", "ab"), ("YWI", "ab"), ("!", None), ("", ""), ("/+8=", "\udcff\udcef")],
)
def test_base64_is_decoded_with_and_without_padding(text: str, decoded: str | None) -> None:
    assert transformers.decode_text(text) == decoded

"""Unpacking of bodies: everything that was packed comes back, and never more than the limit."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sidekick.listener.unpack import Unpackable, unpack


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_all_members_and_frames_come_back(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert unpack(b"".join(map(gzip.compress, parts)), "gzip", 1000) == whole
    frames = b"".join(zstandard.compress(part) for part in parts)
    assert unpack(frames, "zstd", 1000) == whole


@given(st.binary(max_size=300), st.sampled_from(["gzip", "zstd", "x-gzip"]))
def test_any_bytes_are_unpacked_or_refused(body: bytes, encoding: str) -> None:
    try:
        size = len(unpack(body, encoding, 1000))
    except Unpackable as refused:
        size = -refused.status
    assert size in (-400, -413) or 0 <= size <= 1000


@pytest.mark.parametrize("size", [999, 1000, 1001])
@pytest.mark.parametrize("encoding", ["gzip", "zstd", "identity", ""])
def test_the_limit_is_that_of_the_unpacked_body(encoding: str, size: int) -> None:
    body = b"x" * size
    if encoding in ("gzip", "zstd"):
        body = gzip.compress(body) if encoding == "gzip" else zstandard.compress(body)
    if size <= 1000:
        assert unpack(body, encoding, 1000) == b"x" * size
    else:
        with pytest.raises(Unpackable) as refused:
            unpack(body, encoding, 1000)
        assert refused.value.status == 413


@pytest.mark.parametrize("encoding", ["GZIP", " gzip "])
def test_the_name_of_an_encoding_may_be_written_in_any_case(encoding: str) -> None:
    assert unpack(gzip.compress(b"x"), encoding, 10) == b"x"


def test_an_unknown_encoding_is_told_what_is_known() -> None:
    with pytest.raises(Unpackable, match=r"gzip, zstd.*'br'") as refused:
        unpack(b"", "br", 10)
    assert refused.value.status == 415

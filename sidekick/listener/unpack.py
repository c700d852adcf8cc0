"""Bodies with a Content-Encoding: gzip and zstd, unpacked no further than a limit."""

from __future__ import annotations

import io
import zlib

ENCODINGS = "gzip, zstd"
"""What ``unpack`` knows, as an Accept-Encoding header writes it."""

_WINDOW = 8 * 1024**2  # RFC 8878 asks decoders for this much; more would be the sender's choice


class Unpackable(Exception):
    """The body cannot be unpacked; ``status`` is 400, 413 or 415."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def unpack(body: bytes | bytearray, encoding: str, limit: int) -> bytes | bytearray:
    """The body without its Content-Encoding; raises Unpackable, also above ``limit`` bytes."""
    match encoding.strip().lower():
        case "" | "identity":
            unpacked = body
        case "gzip" | "x-gzip":
            unpacked = _gzip(body, limit)
        case "zstd":
            unpacked = _zstd(body, limit)
        case other:
            raise Unpackable(415, f"wanted Content-Encoding {ENCODINGS}, found {other[:64]!r}")
    if len(unpacked) > limit:
        raise Unpackable(413, f"the unpacked body is larger than {limit} bytes")
    return unpacked


def _gzip(body: bytes | bytearray, limit: int) -> bytes:
    """All members of a gzip file, up to a byte more than the limit."""
    parts: list[bytes] = []
    left, rest = limit + 1, bytes(body)
    while rest and left > 0:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(rest, left))
        except zlib.error as error:
            raise Unpackable(400, f"the body is not gzip: {error}") from None
        left -= len(parts[-1])
        if left > 0 and not member.eof:
            raise Unpackable(400, "the gzip body is cut short")
        rest = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _zstd(body: bytes | bytearray, limit: int) -> bytes:
    """All frames, up to a byte more than the limit."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    try:
        with decompressor.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise Unpackable(400, f"the body is not zstd: {error}") from None

"""Encoded tiles inside archives: what is compressed once more, and what is no picture."""

import zlib
from typing import Any

import brotli
import zstandard

_GZIP, _ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x9c", b"\x78\xda")

MAX_BYTES = 64 * 2**20
"""Our choice: no tile or directory is larger unpacked; a longer one is an attack or damage."""


def gunzip(data: bytes) -> bytes:
    """Return gzip or zlib data unpacked, at most `MAX_BYTES`.

    Raises:
        ValueError: it is damaged, or larger.
    """
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = unpacker.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise ValueError(f"damaged gzip data: {error}") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("gzip data that is cut off or too large")
    return plain


def unbrotli(data: bytes) -> bytes:
    """Return brotli data unpacked, at most `MAX_BYTES`.

    Raises:
        ValueError: it is damaged, or larger.
    """
    unpacker = brotli.Decompressor()
    try:
        plain: bytes = unpacker.process(data, output_buffer_limit=MAX_BYTES)
    except brotli.error as error:
        raise ValueError(f"damaged brotli data: {error}") from error
    if len(plain) > MAX_BYTES or not unpacker.is_finished():
        raise ValueError("brotli data that is cut off or too large")
    return plain


def unzstd(data: bytes) -> bytes:
    """Return Zstandard data unpacked, at most `MAX_BYTES`.

    Raises:
        ValueError: it is damaged, or larger.
    """
    try:
        if zstandard.frame_content_size(data) > MAX_BYTES:
            raise ValueError("zstd data that is too large")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_BYTES)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged zstd data: {error}") from error


def unpacked(data: bytes) -> bytes:
    """Return a tile's own bytes where it was compressed once more; damaged ones as they are."""
    if not data.startswith((_GZIP, *_ZLIB)):
        return data
    try:
        return gunzip(data)
    except ValueError:
        return data


def looks_like_vector(data: Any) -> bool:
    """Return whether a tile is a Mapbox vector tile: a protocol buffer whose field 3 is a layer.

    Source: Mapbox vector tile specification 2.1; a layer begins with its name or version.
    """
    if not isinstance(data, bytes):
        return False
    plain = unpacked(data)
    if len(plain) < 4 or plain[0] != 0x1A:
        return False
    start = next((at + 1 for at in range(1, 6) if at < len(plain) and plain[at] < 0x80), None)
    return start is not None and plain[start : start + 1] in (b"\x0a", b"\x78")

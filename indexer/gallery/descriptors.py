"""Descriptors and local features on disk, as rows that are only appended.

Legend: N rows, D descriptor length, L local features of an image (0 for weights without). A row is
the descriptor, fp16 [D], then the local features, int8 [L]. Its number is its slot; the database
knows which slots are valid; bytes behind the last committed slot are overwritten.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.descriptor_model import GalleryRows

CHUNK_ROWS = 1024
"""Number of rows read at a time. Our choice: 5 MB of 2560-d fp16, whatever the gallery's size."""


def bytes_of_row(descriptor_dim: int, local_bytes: int) -> int:
    """Return the bytes of an image's row: D fp16 and L int8 numbers."""
    return 2 * descriptor_dim + local_bytes


class DescriptorFile:
    """Random access to the rows of one file; reads may run in several threads."""

    def __init__(
        self, path: Path, descriptor_dim: int, local_bytes: int, *, writable: bool = False
    ) -> None:
        self.path = path
        self.row_bytes = bytes_of_row(descriptor_dim, local_bytes)
        self._local_at = 2 * descriptor_dim
        self._row = np.dtype(
            [("descriptor", np.float16, (descriptor_dim,)), ("local", np.int8, (local_bytes,))]
        )
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        self._handle = os.open(path, flags, 0o644)

    def write(self, slot: int, rows: GalleryRows) -> list[int]:
        """Write and sync rows from a slot on; return each row's CRC-32 as stored."""
        rows_N = np.empty(len(rows.descriptors_ND), dtype=self._row)
        rows_N["descriptor"] = rows.descriptors_ND
        rows_N["local"] = rows.local_NL
        self._write(slot, rows_N)
        return [zlib.crc32(row.tobytes()) for row in rows_N]

    def copy_from(self, other: "DescriptorFile", slots: NDArray[np.int64]) -> None:
        """Copy the given slots of another file to the start of this one."""
        done = 0
        for part in _parts(slots):
            self._write(done, other._gather(part))
            done += len(part)

    def read(self, first_slot: int, count: int) -> NDArray[np.float16]:
        """Return `count` descriptors from a slot on: fp16 [N, D]; fewer at the file's end."""
        descriptors_ND: NDArray[np.float16] = self._read(first_slot, count)["descriptor"]
        return descriptors_ND

    def gather(self, slots: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the descriptors of the given slots, in that order: fp16 [N, D]."""
        return self._part(slots, 0, self._local_at).view(np.float16)

    def local(self, slots: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int8]:
        """Return the local features of the given slots, in that order: int8 [N, L]."""
        return self._part(slots, self._local_at, self.row_bytes).view(np.int8)

    def chunks(
        self, slots: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield slots and their descriptors as float32, a bounded number at a time."""
        for part in _parts(slots):
            yield part, self.gather(part).astype(np.float32)

    def sound(self, slot: int, crc32: int) -> bool:
        """Return whether a row exists and has the given check sum."""
        rows_1 = self._read(slot, 1)
        return len(rows_1) == 1 and zlib.crc32(rows_1.tobytes()) == crc32

    def rows(self) -> int:
        """Return the number of whole rows in the file."""
        return os.fstat(self._handle).st_size // self.row_bytes

    def reach(self, rows: int) -> None:
        """Extend the file with zeros to at least that many rows."""
        if self.rows() < rows:
            os.ftruncate(self._handle, rows * self.row_bytes)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _write(self, slot: int, rows_N: NDArray[np.void]) -> None:
        view, offset = memoryview(rows_N.tobytes()), slot * self.row_bytes
        while len(view):
            done = os.pwrite(self._handle, view, offset)
            view, offset = view[done:], offset + done
        os.fdatasync(self._handle)

    def _read(self, first_slot: int, count: int) -> NDArray[np.void]:
        data = os.pread(self._handle, count * self.row_bytes, first_slot * self.row_bytes)
        return np.frombuffer(data, dtype=self._row, count=len(data) // self.row_bytes)

    def _part(
        self, slots: Sequence[int] | NDArray[np.int64], first: int, last: int
    ) -> NDArray[np.uint8]:
        """Return the bytes from `first` up to `last` of each row, read into their place."""
        part_NB = np.empty((len(slots), last - first), dtype=np.uint8)
        for slot, part_B in zip(np.asarray(slots).tolist(), part_NB, strict=True):
            done = os.preadv(self._handle, [part_B.data], slot * self.row_bytes + first)
            if done != last - first:
                raise ValueError(f"slot {slot} lies behind the end of {self.path.name}")
        return part_NB

    def _gather(self, slots: Sequence[int] | NDArray[np.int64]) -> NDArray[np.void]:
        rows_N = np.empty(len(slots), dtype=self._row)
        start = 0
        while start < len(slots):
            stop = start + 1
            while stop < len(slots) and slots[stop] == slots[stop - 1] + 1:
                stop += 1
            rows_N[start:stop] = self._read(int(slots[start]), stop - start)
            start = stop
        return rows_N


def _parts(slots: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(slots), CHUNK_ROWS):
        yield slots[start : start + CHUNK_ROWS]

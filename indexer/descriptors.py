"""Descriptors on disk: fp16 rows that are only ever appended.

Legend: N rows, D descriptor length. A row's number is its slot; the database says which slots
count, so bytes behind the last committed slot are left-overs and are overwritten.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CHUNK_ROWS = 1024
"""Ours: 5 MB of 2560-d fp16 at a time, whatever the gallery's size."""


class DescriptorFile:
    """Random access to fp16 rows of one file; reads may run in several threads."""

    def __init__(self, path: Path, descriptor_dim: int, *, writable: bool = False) -> None:
        self.path = path
        self.descriptor_dim = descriptor_dim
        self.row_bytes = 2 * descriptor_dim
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        self._handle = os.open(path, flags, 0o644)

    def write(self, slot: int, rows_ND: NDArray[np.float32]) -> list[int]:
        """Write rows from a slot on, down to the disk; returns each row's CRC-32 as stored."""
        half_ND = np.ascontiguousarray(rows_ND, dtype=np.float16)
        view, offset = memoryview(half_ND.tobytes()), slot * self.row_bytes
        while len(view):
            done = os.pwrite(self._handle, view, offset)
            view, offset = view[done:], offset + done
        os.fdatasync(self._handle)
        return [zlib.crc32(row_D.tobytes()) for row_D in half_ND]

    def read(self, first_slot: int, count: int) -> NDArray[np.float16]:
        """`count` rows from a slot on, as stored: fp16 [N, D]; fewer at the file's end."""
        data = os.pread(self._handle, count * self.row_bytes, first_slot * self.row_bytes)
        whole = len(data) // self.row_bytes
        flat = np.frombuffer(data, dtype=np.float16, count=whole * self.descriptor_dim)
        return flat.reshape(whole, self.descriptor_dim)

    def gather(self, slots: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float16]:
        """The rows of the given slots, in that order: fp16 [N, D]."""
        rows_ND = np.empty((len(slots), self.descriptor_dim), dtype=np.float16)
        start = 0
        while start < len(slots):
            stop = start + 1
            while stop < len(slots) and slots[stop] == slots[stop - 1] + 1:
                stop += 1
            rows_ND[start:stop] = self.read(int(slots[start]), stop - start)
            start = stop
        return rows_ND

    def chunks(
        self, slots: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Slots and their rows as float32, a bounded number at a time."""
        for start in range(0, len(slots), CHUNK_ROWS):
            part = slots[start : start + CHUNK_ROWS]
            yield part, self.gather(part).astype(np.float32)

    def sound(self, slot: int, crc32: int) -> bool:
        """Whether a row is there and has the given check sum."""
        rows_1D = self.read(slot, 1)
        return len(rows_1D) == 1 and zlib.crc32(rows_1D.tobytes()) == crc32

    def rows(self) -> int:
        """How many whole rows the file holds."""
        return os.fstat(self._handle).st_size // self.row_bytes

    def reach(self, rows: int) -> None:
        """Make the file at least that many rows long; new rows are zeros and no slot's."""
        if self.rows() < rows:
            os.ftruncate(self._handle, rows * self.row_bytes)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

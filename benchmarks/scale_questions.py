"""Questions to a gallery of synthetic descriptors, and how many of the right answers were found."""

from collections.abc import Iterator

import numpy as np
from clustered import Rows, Spread
from numpy.typing import NDArray
from scale_gallery import CHUNK, columns_of, record

from indexer.gallery.descriptors import DescriptorFile

TOP = 10


def questions(
    file: DescriptorFile, size: int, count: int, spread: Spread
) -> tuple[Rows, list[list[str]]]:
    """Return descriptors of images near tiles [Q, D], and the ids of each one's nearest tiles."""
    noise = np.random.default_rng(1)
    tiles_QD = file.gather(np.sort(noise.integers(0, size, count))).astype(np.float32)
    asked_QD = spread.near(tiles_QD, spread.query_cosine, noise)
    truth_QK, columns = nearest(file, size, asked_QD, TOP), columns_of(size)
    return asked_QD, [[record(slot, columns).image_id for slot in row] for row in truth_QK.tolist()]


def found_shares(found: list[list[str]], right: list[list[str]]) -> tuple[float, float]:
    """Return how often the first is right, and which share of the first ten is found."""
    pairs = list(zip(found, right, strict=True))
    first = float(np.mean([got[0] == wanted[0] for got, wanted in pairs]))
    return first, float(np.mean([len({*got} & {*wanted}) / TOP for got, wanted in pairs]))


def chunks(file: DescriptorFile, size: int) -> Iterator[tuple[int, Rows]]:
    """Yield the first slot and the descriptors of each part."""
    for start in range(0, size, CHUNK):
        yield start, file.read(start, min(CHUNK, size - start)).astype(np.float32)


def nearest(file: DescriptorFile, size: int, queries_QD: Rows, count: int) -> NDArray[np.int64]:
    """Return the slots of the `count` most similar rows, best first, by exhaustive search."""
    best_QK = np.full((len(queries_QD), count), -2.0, dtype=np.float32)
    slots_QK = np.zeros((len(queries_QD), count), dtype=np.int64)
    for start, rows_ND in chunks(file, size):
        scores_QX = np.concatenate([best_QK, queries_QD @ rows_ND.T], axis=1)
        order_QK = np.argsort(-scores_QX, axis=1)[:, :count]
        new_N = np.arange(start, start + len(rows_ND))
        new_QN = np.broadcast_to(new_N, (len(queries_QD), len(rows_ND)))
        slots_QX = np.concatenate([slots_QK, new_QN], axis=1)
        best_QK = np.take_along_axis(scores_QX, order_QK, axis=1)
        slots_QK = np.take_along_axis(slots_QX, order_QK, axis=1)
    return slots_QK

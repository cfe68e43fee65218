"""Agreement of two images at every shift, against numpy's correlation of what overlaps."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.matching.shifted_agreement import shifted_agreement

SIDE, WIDTH, MOST = 12, 5, 3


def features(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(SIDE, SIDE, WIDTH)).astype(np.float32)


def correlation(one_CW: NDArray[np.float32], other_CW: NDArray[np.float32]) -> float:
    """Correlation of descriptors around the mean of each."""
    one, other = one_CW - one_CW.mean(axis=0), other_CW - other_CW.mean(axis=0)
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def test_it_is_the_correlation_of_the_cells_that_overlap() -> None:
    one, other = features(1), features(2)
    counted = np.ones((SIDE, SIDE), bool)
    found = shifted_agreement(one, counted, other, counted, MOST)
    for down, right in ((0, 0), (2, -1), (-3, 3)):
        inside = [slice(max(0, -by), SIDE - max(0, by)) for by in (down, right)]
        moved = [slice(max(0, by), SIDE - max(0, -by)) for by in (down, right)]
        expected = correlation(
            one[inside[0], inside[1]].reshape(-1, WIDTH),
            other[moved[0], moved[1]].reshape(-1, WIDTH),
        )
        overlap = (SIDE - abs(down)) * (SIDE - abs(right)) / SIDE**2
        assert found[down + MOST, right + MOST] == pytest.approx(
            expected * np.sqrt(overlap), abs=1e-5
        )


def test_the_part_of_an_image_is_found_where_it_was_cut_out() -> None:
    other = features(3)
    part = np.zeros((SIDE, SIDE), bool)
    part[3:9, 3:9] = True
    one = np.roll(other, (-2, 1), axis=(0, 1))
    found = shifted_agreement(one, part, other, np.ones((SIDE, SIDE), bool), MOST)
    best = np.unravel_index(found.argmax(), found.shape)
    assert (int(best[0]) - MOST, int(best[1]) - MOST) == (2, -1)
    assert found.max() == pytest.approx(1.0, abs=1e-4)


def test_where_too_little_overlaps_there_is_no_agreement() -> None:
    one, counted = features(4), np.ones((SIDE, SIDE), bool)
    edge = np.zeros((SIDE, SIDE), bool)
    edge[:, :6] = True
    found = shifted_agreement(one, counted, one, edge, MOST)
    assert found[MOST, MOST + 1] == -1
    assert found[MOST, MOST - 1] > -1 or found[MOST, MOST] > -1

"""What the numbers of a raster are before they become colours: range, sentinels, stretch.

Legend: B bands, H rows, W columns.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

STRETCH_PERCENT = (2.0, 98.0)
"""Our choice: the usual cut of a display stretch, taken from the whole map so that tiles agree."""

SENTINEL_SHARE = 0.002
"""Our choice: an extreme value that fewer samples have than this is no sentinel."""

OVERVIEW_PX = 1024
"""Our choice: the longer side of what is read of a map to find its stretch."""

WHOLE_PX = 64_000_000
"""Our choice: a map without overviews and of more pixels is looked at in pieces; 1 s of reading."""

PIECES, PIECE_PX = 12, 128
"""Our choice: pieces along each side, and their side in pixels."""


@dataclass(frozen=True, kw_only=True)
class SampleRange:
    """Where a map's samples lie; None where 8-bit values are taken as they are.

    Values outside `valid` are sentinels of missing data that the file does not declare, such as
    -9999 or the most negative float.
    """

    stretch: tuple[float, float] | None
    valid: tuple[float, float] | None = None

    def in_8_bit(self, bands_BHW: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the samples stretched to 0..255."""
        if self.stretch is None:
            return bands_BHW.astype(np.uint8)
        low, high = self.stretch
        samples_BHW = np.nan_to_num(bands_BHW.astype(np.float64), posinf=high, neginf=low)
        return np.clip((samples_BHW - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)

    def has_data(self, bands_BHW: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where at least one band holds a finite value that is no sentinel: [H, W]."""
        if self.stretch is None:
            return np.ones(bands_BHW.shape[1:], dtype=np.bool_)
        good_BHW = np.isfinite(bands_BHW)
        if self.valid is not None:
            good_BHW &= (bands_BHW >= self.valid[0]) & (bands_BHW <= self.valid[1])
        any_HW: NDArray[np.bool_] = good_BHW.any(axis=0)
        return any_HW


def sample_range(dataset: Any, bands: list[int]) -> SampleRange:
    """Look at an overview of a map, read without averaging, for its stretch and sentinels."""
    if dataset.dtypes[bands[0] - 1] == "uint8":
        return SampleRange(stretch=_few_bits(dataset, bands[0]))
    values = _overview(dataset, bands)
    if values.size == 0:
        return SampleRange(stretch=(0.0, 1.0))
    valid = _without_sentinels(values)
    if valid is not None:
        values = values[(values >= valid[0]) & (values <= valid[1])]
    low, high = np.percentile(values, STRETCH_PERCENT)
    if not high > low:
        low, high = values.min(), values.max()
    room = max(1e-6, abs(low) * 1e-6)
    return SampleRange(stretch=(float(low), float(max(high, low + room))), valid=valid)


def _overview(dataset: Any, bands: list[int]) -> NDArray[np.float64]:
    """Finite samples from all over a map, from pieces of it where reading the whole takes long."""
    if dataset.overviews(bands[0]) or dataset.width * dataset.height <= WHOLE_PX:
        scale = max(1.0, max(dataset.width, dataset.height) / OVERVIEW_PX)
        shape = max(1, int(dataset.height / scale)), max(1, int(dataset.width / scale))
        parts = [dataset.read(bands, out_shape=(len(bands), *shape), masked=True)]
    else:
        places = (np.arange(PIECES) + 0.5) / PIECES
        parts = [
            dataset.read(bands, window=_piece(dataset, column, row), masked=True)
            for row in places
            for column in places
        ]
    samples = [np.ma.masked_invalid(part).compressed().astype(np.float64) for part in parts]
    return np.concatenate(samples)


def _piece(dataset: Any, column: float, row: float) -> Window:
    width, height = min(PIECE_PX, dataset.width), min(PIECE_PX, dataset.height)
    return Window(
        int(column * (dataset.width - width)), int(row * (dataset.height - height)), width, height
    )


def _few_bits(dataset: Any, band: int) -> tuple[float, float] | None:
    bits = dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", "8")
    return (0.0, float(2 ** int(bits) - 1)) if bits.isdigit() and int(bits) < 8 else None


def _without_sentinels(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the range without far-off extreme values; None where there are none."""
    low, high = -np.inf, np.inf
    inner = values
    for _ in range(4):  # a map may have several, such as -9999 and -3.4e38
        found = _sentinel(inner)
        if found is None:
            break
        inner = inner[inner != found]
        span = float(inner.max() - inner.min()) or 1.0
        if found < inner.min():
            low = float(inner.min()) - span
        else:
            high = float(inner.max()) + span
    return None if inner.size == values.size else (low, high)


def _sentinel(values: NDArray[np.float64]) -> float | None:
    for extreme in (float(values.min()), float(values.max())):
        others = values[values != extreme]
        share = 1.0 - others.size / values.size
        if others.size == 0 or share < SENTINEL_SHARE:
            continue
        gap = min(abs(extreme - others.min()), abs(extreme - others.max()))
        if gap > max(1.0, float(others.max() - others.min())):
            return extreme
    return None

"""How a raster map's bands become RGB: colour meaning, palette, stretch.

Legend: B bands, H rows, W columns.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

STRETCH_PERCENT = (2.0, 98.0)
"""Ours: the usual cut of a display stretch, taken from the whole map so that tiles agree."""


class Colours:
    """One file's way to RGB, found once from the whole of it.

    `bands` are the 1-based bands to read; a `palette` means that their values are no amounts, so
    they must not be averaged.
    """

    def __init__(self, dataset: Any) -> None:
        self.bands = _colour_bands(dataset)
        self.palette = _palette(dataset)
        self._stretch = _stretch(dataset, self.bands)

    def rgb(self, bands_BHW: NDArray[Any]) -> NDArray[np.uint8]:
        """Bands as read: uint8 [H, W, 3]."""
        if self.palette is not None:
            painted: NDArray[np.uint8] = self.palette[bands_BHW[0]]
            return painted
        if self._stretch is not None:
            low, high = self._stretch
            scaled = (np.nan_to_num(bands_BHW.astype(np.float32)) - low) * (255.0 / (high - low))
            bands_BHW = np.clip(scaled, 0, 255).astype(np.uint8)
        rgb_BHW = bands_BHW if len(bands_BHW) == 3 else np.repeat(bands_BHW[:1], 3, axis=0)
        return np.ascontiguousarray(rgb_BHW.transpose(1, 2, 0))


def _colour_bands(dataset: Any) -> list[int]:
    meaning = list(dataset.colorinterp)
    wanted = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(colour in meaning for colour in wanted):
        return [meaning.index(colour) + 1 for colour in wanted]
    return [1, 2, 3] if dataset.count >= 3 else [1]


def _palette(dataset: Any) -> NDArray[np.uint8] | None:
    if dataset.colorinterp[0] != ColorInterp.palette:
        return None
    table = np.zeros((256, 3), dtype=np.uint8)
    for value, colour in dataset.colormap(1).items():
        if 0 <= value < 256:
            table[value] = colour[:3]
    return table


def _stretch(dataset: Any, bands: list[int]) -> tuple[float, float] | None:
    if dataset.dtypes[0] == "uint8":
        return None
    scale = max(1.0, max(dataset.width, dataset.height) / 1024)
    shape = max(1, int(dataset.height / scale)), max(1, int(dataset.width / scale))
    seen = dataset.read(bands, out_shape=(len(bands), *shape), masked=True)
    values = np.ma.masked_invalid(seen).compressed()
    if values.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, STRETCH_PERCENT)
    return float(low), float(max(high, low + 1e-6))

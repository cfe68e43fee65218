"""How a raster map's bands become RGB: colour meaning, palette, stretch.

Legend: B bands, H rows, W columns.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from indexer.errors import NoPictureError
from indexer.sources.cutting.pixels import Pixels
from indexer.sources.rasters.samples import sample_range

_RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
_CMYK = (ColorInterp.cyan, ColorInterp.magenta, ColorInterp.yellow, ColorInterp.black)


class Colours:
    """One file's way to RGB, found once from the whole of it.

    `bands` are the 1-based bands to read; a `palette` means that their values are no amounts, so
    they must not be averaged.

    Raises:
        NoPictureError: the samples are complex numbers.
    """

    def __init__(self, dataset: Any) -> None:
        if any("complex" in kind for kind in dataset.dtypes):
            raise NoPictureError(
                f"{dataset.name.rpartition('/')[2]} holds complex samples (radar?), which are no "
                "picture; make an amplitude image of it"
            )
        meaning = list(dataset.colorinterp)
        self._is_cmyk = all(colour in meaning for colour in _CMYK)
        self.bands = _colour_bands(meaning, _CMYK if self._is_cmyk else _RGB)
        self.palette = _palette(dataset)
        self._white_is_0 = dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
        if self.palette is None:
            self._range = sample_range(dataset, self.bands)

    def pixels(self, bands_BHW: NDArray[Any]) -> Pixels:
        """Return bands as read in RGB, and where they hold data: uint8 [H, W, 3], bool [H, W]."""
        if self.palette is not None:
            rgba_HW4 = self.palette[np.clip(bands_BHW[0], 0, len(self.palette) - 1)]
            return np.ascontiguousarray(rgba_HW4[..., :3]), rgba_HW4[..., 3] > 0
        data_HW = self._range.has_data(bands_BHW)
        grey_BHW = self._range.in_8_bit(bands_BHW)
        if self._white_is_0:
            grey_BHW = 255 - grey_BHW
        if self._is_cmyk:
            ink_BHW = 255 - grey_BHW.astype(np.uint16)
            grey_BHW = (ink_BHW[:3] * ink_BHW[3:] // 255).astype(np.uint8)
        rgb_BHW = grey_BHW if len(grey_BHW) == 3 else np.repeat(grey_BHW[:1], 3, axis=0)
        return np.ascontiguousarray(rgb_BHW.transpose(1, 2, 0)), data_HW


def _colour_bands(meaning: list[Any], wanted: tuple[Any, ...]) -> list[int]:
    if all(colour in meaning for colour in wanted):
        return [meaning.index(colour) + 1 for colour in wanted]
    return [1, 2, 3] if len(meaning) >= 3 else [1]


def _palette(dataset: Any) -> NDArray[np.uint8] | None:
    """RGBA by value: uint8 [values, 4]."""
    if dataset.colorinterp[0] != ColorInterp.palette:
        return None
    colours = {value: colour for value, colour in dataset.colormap(1).items() if value >= 0}
    table = np.zeros((max([255, *colours]) + 1, 4), dtype=np.uint8)
    table[:, 3] = 255
    for value, colour in colours.items():
        table[value, : len(colour)] = colour
    return table

"""The colours of an image at given places, bilinearly: OpenVINO takes a seventh of numpy's time."""

import threading

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from model.matching.compiling import compiled

FAR = 9.0
"""A place beyond every image, in its half sides."""


class PixelSampler:
    """Samples images of any size; safe to use from several threads."""

    def __init__(self) -> None:
        """Compile nothing yet; that follows at the first use."""
        self._lock = threading.Lock()
        self._compiled: ov.CompiledModel | None = None

    def __call__(
        self, pixels_HW3: NDArray[np.uint8], places_N2: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        """Return the colours of places: uint8 [3, N], black outside the image.

        Args:
            pixels_HW3: the image.
            places_N2: columns and rows in pixels, (0, 0) the middle of the first pixel; NaN is
                outside.
        """
        height, width, _ = pixels_HW3.shape
        halves_2 = np.array([max(width - 1, 1), max(height - 1, 1)]) / 2
        grid_N2 = np.nan_to_num(places_N2 / halves_2 - 1, nan=FAR)
        grid_N2[(np.abs(grid_N2) > 1).any(axis=1)] = FAR
        request = self._network().create_infer_request()
        request.infer({0: pixels_HW3[None], 1: grid_N2[None, None].astype(np.float32)})
        colours_3N: NDArray[np.uint8] = request.get_output_tensor(0).data[0, :, 0].copy()
        return colours_3N

    def _network(self) -> ov.CompiledModel:
        with self._lock:
            if self._compiled is None:
                pixels = ops.parameter([1, -1, -1, 3], ov.Type.u8)
                grid = ops.parameter([1, 1, -1, 2], ov.Type.f32)
                image = ops.transpose(ops.convert(pixels, "f32"), [0, 3, 1, 2])
                ways = {"align_corners": True, "mode": "bilinear", "padding_mode": "zeros"}
                sampled = ops.convert(ops.grid_sample(image, grid, ways), "u8")
                model = ov.Model([sampled], [pixels, grid], "sampler")
                self._compiled = compiled(model)
            return self._compiled

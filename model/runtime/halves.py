"""An exported network in two halves: its backbone over a large picture, and the rest per window.

Where tiles overlap, the backbone then sees the ground they share once. It must be a convolutional
one; what cuts the two halves apart is the alignment, which reads the backbone's map.

Shapes: N windows, C channels, P picture side, Q = P / stride, H cells of a window.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from model.errors import ConfigError

SLICE = 4
"""Number of windows of an inference request. Our choice: as in `OpenVinoRuntime`, by the cache."""


class NetworkHalves:
    """Both halves of an exported network, compiled for the CPU."""

    def __init__(self, export: Path, side: int, picture_sides: tuple[int, ...]) -> None:
        """Compile the halves.

        Args:
            export: the .onnx file.
            side: of an image of the whole network, px.
            picture_sides: what `maps` will be given, px.

        Raises:
            ConfigError: the network has no alignment, or its backbone takes one size alone.
        """
        core, model = ov.Core(), ov.Core().read_model(export)
        shape = _cut(model).get_partial_shape()
        self.channels = shape[1].get_length()
        self.window_cells = shape[2].get_length()
        self.stride = side // self.window_cells
        count = len(os.sched_getaffinity(0))
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": count,
            "NUM_STREAMS": count,
            "ENABLE_CPU_PINNING": False,
        }
        try:
            self._backbones = {
                picture: ov.AsyncInferQueue(
                    core.compile_model(_backbone(core.read_model(export), picture), "CPU", options),
                    count,
                )
                for picture in picture_sides
            }
        except RuntimeError as error:
            raise _no_halves("its backbone takes one size of image alone") from error
        rest = core.compile_model(_rest(model), "CPU", options)
        self._rest = ov.AsyncInferQueue(rest, count)

    def maps(self, pictures_N3PP: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the backbone's maps: float32 [N, C, Q, Q]."""
        single = [np.ascontiguousarray(picture_3PP[None]) for picture_3PP in pictures_N3PP]
        return np.concatenate(_all(self._backbones[pictures_N3PP.shape[-1]], single))

    def describe(self, windows_NCHH: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what `Runtime.describe` returns of whole images: float32 [N, D + L]."""
        count = len(windows_NCHH)
        parts = [windows_NCHH[start : start + SLICE] for start in range(0, count, SLICE)]
        return np.concatenate(_all(self._rest, parts))


def _all(queue: Any, parts: list[NDArray[Any]]) -> list[NDArray[np.float32]]:
    """Return the first output of each part, computed side by side."""
    found: dict[int, NDArray[np.float32]] = {}

    def keep(request: Any, index: int) -> None:
        found[index] = request.get_output_tensor(0).data.copy()

    queue.set_callback(keep)
    for index, part in enumerate(parts):
        queue.start_async({0: part}, index)
    queue.wait_all()
    return [found[index] for index in range(len(parts))]


def _cut(model: Any) -> Any:
    """Return the backbone's map: what the alignment samples."""
    samplers = [op for op in model.get_ordered_ops() if op.get_type_name() == "GridSample"]
    if len(samplers) != 1:
        raise _no_halves("it has no alignment (FAM)")
    return samplers[0].input_value(0)


def _backbone(model: Any, picture: int) -> Any:
    half = ov.Model([_cut(model)], model.get_parameters(), "backbone")
    half.reshape([1, 3, picture, picture])
    return half


def _rest(model: Any) -> Any:
    cut, (pixels,) = _cut(model), model.get_parameters()
    window = ops.parameter(cut.get_partial_shape(), ov.Type.f32, name="window")
    reads_count = [
        target
        for target in pixels.output(0).get_target_inputs()
        if target.get_node().get_type_name() == "ShapeOf"
    ]
    for target in [*cut.get_target_inputs(), *reads_count]:
        target.replace_source_output(window.output(0))
    rows = [each for each in model.get_results() if "rows" in each.input_value(0).get_names()]
    return ov.Model(rows, [window], "rest")


def _no_halves(reason: str) -> ConfigError:
    return ConfigError(f"--dense cannot run these weights: {reason}; build without --dense")

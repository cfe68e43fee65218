"""XFeat: keypoint scores and dense descriptors of images, run by OpenVINO on the CPU.

The network is built from its file of weights, so that neither PyTorch nor an exported graph is
needed. Source: Potje et al., *XFeat: Accelerated Features for Lightweight Image Matching*, CVPR
2024, and the authors' code (Apache-2.0); batch normalisation is folded into the convolutions.

Shapes: N images, S side (a multiple of 32), M = S / 8 cells a side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops
from safetensors import SafetensorError
from safetensors.numpy import load_file

from model.errors import CheckpointError
from model.matching.compiling import compiled
from model.matching.grid import grid_of, whitened
from model.matching.keypoints import Keypoints, strongest

SHIPPED_XFEAT = Path(__file__).parents[1] / "weights" / "xfeat.safetensors"
"""The authors' weights in half precision; `xfeat.md` beside it has source and licence."""

FEATURES = 64
"""Length of a descriptor."""

CELL = 8
"""Pixels of a side that one dense descriptor stands for."""

STRONGEST_WITHIN = 5
"""Side of the square in which a keypoint has the highest score, px. Source: the authors' code."""

NORM_EPSILON = 1e-5

LAYERS: Mapping[str, int] = {
    "skip1.1": 1,
    **{f"block1.{index}": 1 + index % 2 for index in range(4)},
    **{f"block2.{index}": 1 for index in range(2)},
    **{f"block3.{index}": 1 + (index == 0) for index in range(3)},
    **{f"block4.{index}": 1 + (index == 0) for index in range(3)},
    **{f"block5.{index}": 1 + (index == 0) for index in range(4)},
    **{f"block_fusion.{index}": 1 for index in range(3)},
    **{f"heatmap_head.{index}": 1 for index in range(3)},
    **{f"keypoint_head.{index}": 1 for index in range(4)},
}
"""Strides of the convolutions by name."""


@dataclass(frozen=True)
class XFeatMaps:
    """The network's output for N images."""

    peaks_NSS: NDArray[np.float32]
    """Keypoint probability of every pixel that is the strongest within its square; else 0."""
    reliability_NMM: NDArray[np.float32]
    """Reliability of the descriptors, 0..1; a keypoint's score is its probability times this."""
    features_NMMD: NDArray[np.float32]
    """Dense descriptors, of unit length."""

    def keypoints(self, index: int, count: int) -> Keypoints:
        """Return at most `count` keypoints of highest score of one image."""
        return strongest(
            self.peaks_NSS[index], self.reliability_NMM[index], self.features_NMMD[index], count
        )


class XFeat:
    """The compiled network for one input side; safe to call from many threads."""

    def __init__(
        self, side: int, weights: Path = SHIPPED_XFEAT, threads: int = 0, *, bf16: bool = False
    ) -> None:
        """Build and compile the network.

        Args:
            side: S, a multiple of 32.
            weights: a file that `training.learning.xfeat_weights` made.
            threads: number of CPU threads; 0: as many as there are cores.
            bf16: compute descriptors in bf16 where the processor can; keypoints lie where they
                would.

        Raises:
            CheckpointError: the file is missing or damaged.
            ValueError: the side is not a multiple of 32.
        """
        if side % 32 or side <= 0:
            raise ValueError(f"side = {side}: XFeat needs a positive multiple of 32")
        tensors = _weights(weights)
        self._grid_mean_D = tensors["grid.mean"]
        self._grid_projection_DW = tensors["grid.projection"]
        layers = _Layers(tensors)
        self._dense = compiled(_dense_network(layers, side), bf16=bf16, threads=threads)
        self._peaks = compiled(_peak_network(layers, side), threads=threads)
        self.side = side

    def __call__(self, pixels_N3SS: NDArray[np.uint8]) -> XFeatMaps:
        """Return the maps of images, uint8 [N, 3, S, S]."""
        return XFeatMaps(self.peaks(pixels_N3SS), *self.dense(pixels_N3SS))

    def peaks(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the keypoint probabilities alone: [N, S, S], see `XFeatMaps`."""
        (peaks_NSS,) = _outputs(self._peaks, pixels_N3SS)
        return peaks_NSS

    def dense(
        self, pixels_N3SS: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the descriptors' reliability and the descriptors alone, see `XFeatMaps`."""
        reliability_NMM, features_NMMD = _outputs(self._dense, pixels_N3SS)
        return reliability_NMM, features_NMMD

    def whitened(self, features_MMD: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one image's dense descriptors whitened: unit float32 [M, M, W]."""
        return whitened(features_MMD, self._grid_mean_D, self._grid_projection_DW)

    def grid(self, features_MMD: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the coarse grid of one image's dense descriptors, see `grid_of`."""
        return grid_of(self.whitened(features_MMD))


def _outputs(
    network: ov.CompiledModel, pixels_N3SS: NDArray[np.uint8]
) -> list[NDArray[np.float32]]:
    request = network.create_infer_request()
    request.infer({0: pixels_N3SS})
    return [tensor.data.copy() for tensor in request.output_tensors]


def _weights(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path.name}: no readable XFeat weights; reinstall them") from error
    names = {"grid.mean", "grid.projection", "block1.0.weight", "keypoint_head.3.weight"}
    if not names <= tensors.keys():
        raise CheckpointError(f"{path.name}: not XFeat weights; reinstall them")
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def _dense_network(layers: "_Layers", side: int) -> ov.Model:
    """The graph: uint8 [N, 3, S, S] to reliability [N, M, M] and descriptors [N, M, M, D]."""
    pixels, image = _input(side)
    features = _features(image, layers)
    reliability = ops.sigmoid(layers.run(features, "heatmap_head", 3, last_is_linear=True))
    unit = ops.transpose(ops.normalize_l2(features, [1], 1e-12, "max"), [0, 2, 3, 1])
    return ov.Model([ops.squeeze(reliability, [1]), unit], [pixels], "xfeat descriptors")


def _peak_network(layers: "_Layers", side: int) -> ov.Model:
    """The graph: uint8 [N, 3, S, S] to peaks [N, S, S]."""
    pixels, image = _input(side)
    cells = ops.space_to_depth(image, "blocks_first", CELL)
    logits = layers.run(cells, "keypoint_head", 4, last_is_linear=True)
    return ov.Model([ops.squeeze(_peaks(logits), [1])], [pixels], "xfeat keypoints")


def _input(side: int) -> tuple[Any, Any]:
    """Return the parameter uint8 [N, 3, S, S], and the grey image of even brightness from it."""
    pixels = ops.parameter([-1, 3, side, side], ov.Type.u8, name="pixels")
    grey = ops.reduce_mean(ops.convert(pixels, "f32"), [1], keep_dims=True)
    scaled = ops.multiply(grey, np.float32(1 / 255))
    return pixels, ops.mvn(scaled, [2, 3], True, NORM_EPSILON, "inside_sqrt")


def _features(image: Any, layers: "_Layers") -> Any:
    pooled = ops.avg_pool(image, [4, 4], [0, 0], [0, 0], [4, 4], True)
    skip = layers.convolution(pooled, "skip1.1")
    eighth = layers.run(ops.add(layers.run(image, "block1", 4), skip), "block2", 2)
    map3 = layers.run(eighth, "block3", 3)
    map4 = layers.run(map3, "block4", 3)
    map5 = layers.run(map4, "block5", 4)
    summed = ops.add(ops.add(map3, _resized(map4, 2)), _resized(map5, 4))
    return layers.run(summed, "block_fusion", 3, last_is_linear=True)


def _peaks(logits: Any) -> Any:
    """Keypoint probability where it is the highest of its square, found by rows, then columns."""
    shares = ops.softmax(logits, 1)
    pixels = ops.slice(shares, [0], [CELL * CELL], [1], [1])  # the 65th is "no keypoint here"
    heat = ops.depth_to_space(pixels, "blocks_first", CELL)
    highest, edge = heat, STRONGEST_WITHIN // 2
    for window, margin in (([1, STRONGEST_WITHIN], [0, edge]), ([STRONGEST_WITHIN, 1], [edge, 0])):
        highest = ops.max_pool(highest, [1, 1], [1, 1], margin, margin, window).output(0)
    return ops.multiply(heat, ops.convert(ops.equal(heat, highest), "f32"))


def _resized(node: Any, factor: int) -> Any:
    return ops.interpolate(
        node,
        np.array([factor, factor], dtype=np.float32),
        "linear_onnx",
        "scales",
        coordinate_transformation_mode="half_pixel",
        axes=[2, 3],
    )


class _Layers:
    """Convolutions by name."""

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        self._weights = weights

    def convolution(self, node: Any, name: str) -> Any:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        stride, edge = LAYERS[name], weight.shape[2] // 2
        filtered = ops.convolution(
            node, ops.constant(weight), [stride, stride], [edge, edge], [edge, edge], [1, 1]
        )
        return ops.add(filtered, ops.constant(bias.reshape(1, -1, 1, 1)))

    def run(self, node: Any, block: str, count: int, *, last_is_linear: bool = False) -> Any:
        """Convolutions with ReLUs between them, and one after the last where it is not linear."""
        for index in range(count):
            node = self.convolution(node, f"{block}.{index}")
            if not (last_is_linear and index == count - 1):
                node = ops.relu(node)
        return node

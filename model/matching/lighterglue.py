"""LighterGlue: which keypoints of two images correspond, found by a network that sees all of them.

It is LightGlue with fewer and narrower layers, trained for XFeat's descriptors. The network is
built from its file of weights and run by OpenVINO on the CPU. Source: Lindenberger et al.,
*LightGlue: Local Feature Matching at Light Speed*, ICCV 2023, and the authors of XFeat
(Apache-2.0).

Shapes: P, Q keypoints of the two images, D descriptor length, W width of the network,
C correspondences.
"""

import threading
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
from model.matching.keypoints import Keypoints, mutual_best
from model.matching.xfeat import FEATURES

SHIPPED_LIGHTERGLUE = Path(__file__).parents[1] / "weights" / "lighterglue.safetensors"
"""The authors' weights in half precision; `lighterglue.md` beside it has source and licence."""

WIDTH = 96
LAYERS = 6

MIN_PROBABILITY = 0.2
"""Least probability of a correspondence. Our choice: the authors use 0.1; with 0.2 the number of
inliers differs more between right and wrong tiles."""

NORM_EPSILON = 1e-5


class LighterGlue:
    """The network, compiled when it is first used; safe to call from several threads."""

    def __init__(self, weights: Path = SHIPPED_LIGHTERGLUE, *, bf16: bool = False) -> None:
        """Load nothing yet.

        Args:
            weights: a file that `training.learning.lighterglue_weights` made.
            bf16: compute in bf16 where the processor can.
        """
        self._path = weights
        self._bf16 = bf16
        self._lock = threading.Lock()
        self._compiled: ov.CompiledModel | None = None

    def corresponding(
        self, one: Keypoints, other: Keypoints
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows [C], [C] of corresponding keypoints of two images.

        Raises:
            CheckpointError: the weights are missing or damaged.
        """
        if not len(one.places_P2) or not len(other.places_P2):
            return np.empty(0, np.intp), np.empty(0, np.intp)
        return mutual_best(self.probabilities(one, other), MIN_PROBABILITY)

    def probabilities(self, one: Keypoints, other: Keypoints) -> NDArray[np.float32]:
        """Return the probability of every correspondence: float32 [P, Q].

        Raises:
            CheckpointError: the weights are missing or damaged.
        """
        request = self._network().create_infer_request()
        inputs = (one.places_P2 * 2, one.descriptors_PD, other.places_P2 * 2, other.descriptors_PD)
        request.infer({index: value[None] for index, value in enumerate(inputs)})
        found_PQ: NDArray[np.float32] = request.get_output_tensor(0).data[0].copy()
        return found_PQ

    def _network(self) -> ov.CompiledModel:
        with self._lock:
            if self._compiled is None:
                model = _graph(_Layers(_weights(self._path)))
                self._compiled = compiled(model, bf16=self._bf16)
            return self._compiled


def _weights(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path.name}: no readable LighterGlue weights; reinstall the package"
        ) from error
    if f"log_assignment.{LAYERS - 1}.final_proj.weight" not in tensors:
        raise CheckpointError(f"{path.name}: not LighterGlue weights; reinstall the package")
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def _graph(layers: "_Layers") -> ov.Model:
    """Return the graph: places (-1..1) and descriptors of two images to probabilities."""
    inputs = [ops.parameter([1, -1, width], ov.Type.f32) for width in (2, FEATURES, 2, FEATURES)]
    waves = [layers.waves(inputs[0]), layers.waves(inputs[2])]
    both = [layers.linear(inputs[1], "input_proj"), layers.linear(inputs[3], "input_proj")]
    for index in range(LAYERS):
        itself, other = (f"transformers.{index}.{part}_attn" for part in ("self", "cross"))
        both = [layers.attend(x, wave, itself) for x, wave in zip(both, waves, strict=True)]
        both = layers.exchange(both[0], both[1], other)
    name = f"log_assignment.{LAYERS - 1}"
    one, two = (layers.linear(x, f"{name}.final_proj", WIDTH**-0.25) for x in both)
    likeness = ops.matmul(one, two, False, True)
    here, there = (ops.sigmoid(layers.linear(x, f"{name}.matchability")) for x in both)
    matchable = ops.multiply(here, ops.transpose(there, [0, 2, 1]))
    shares = ops.multiply(ops.softmax(likeness, 2), ops.softmax(likeness, 1))
    return ov.Model([ops.multiply(shares, matchable)], inputs, "lighterglue")


class _Layers:
    """The parts of LightGlue by name; one attention head."""

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        self._weights = weights

    def linear(self, node: Any, name: str, factor: float = 1.0) -> Any:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return _linear(node, weight * np.float32(factor), bias * np.float32(factor))

    def waves(self, places: Any) -> tuple[Any, Any]:
        """Return cosines and sines [1, P, W] of places, each frequency twice in a row."""
        frequencies = np.repeat(self._weights["posenc.Wr.weight"], 2, axis=0)
        phases = ops.matmul(places, ops.constant(frequencies), False, True)
        return ops.cos(phases), ops.sin(phases)

    def attend(self, node: Any, waves: tuple[Any, Any], name: str) -> Any:
        """Self-attention; queries and keys are rotated by their places."""
        weight, bias = self._weights[f"{name}.Wqkv.weight"], self._weights[f"{name}.Wqkv.bias"]
        quarter_WW, rotated = _quarter(), []
        for part in range(2):
            straight = _linear(node, weight[part::3], bias[part::3])
            across = _linear(node, quarter_WW @ weight[part::3], quarter_WW @ bias[part::3])
            both = ops.multiply(straight, waves[0]), ops.multiply(across, waves[1])
            rotated.append(ops.add(*both))
        values = _linear(node, weight[2::3], bias[2::3])
        context = ops.scaled_dot_product_attention(*rotated, values)
        return self._updated(node, self.linear(context, f"{name}.out_proj"), name)

    def exchange(self, one: Any, other: Any, name: str) -> list[Any]:
        """Cross-attention of both images."""
        keys = [self.linear(x, f"{name}.to_qk", WIDTH**-0.25) for x in (one, other)]
        values = [self.linear(x, f"{name}.to_v") for x in (one, other)]
        likeness = ops.matmul(keys[0], keys[1], False, True)
        to_one = ops.matmul(ops.softmax(likeness, 2), values[1], False, False)
        to_other = ops.matmul(ops.softmax(likeness, 1), values[0], True, False)
        return [
            self._updated(x, self.linear(message, f"{name}.to_out"), name)
            for x, message in ((one, to_one), (other, to_other))
        ]

    def _updated(self, node: Any, message: Any, name: str) -> Any:
        wide = self.linear(ops.concat([node, message], 2), f"{name}.ffn.0")
        even = ops.mvn(wide, [2], True, NORM_EPSILON, "inside_sqrt")
        scaled = ops.multiply(even, ops.constant(self._weights[f"{name}.ffn.1.weight"]))
        shifted = ops.add(scaled, ops.constant(self._weights[f"{name}.ffn.1.bias"]))
        return ops.add(node, self.linear(ops.gelu(shifted, "erf"), f"{name}.ffn.3"))


def _linear(node: Any, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Any:
    product = ops.matmul(node, ops.constant(np.ascontiguousarray(weight)), False, True)
    return ops.add(product, ops.constant(bias))


def _quarter() -> NDArray[np.float32]:
    """Return the matrix that rotates each pair of features (a, b) to (-b, a): [W, W]."""
    pair = np.array([[0, -1], [1, 0]], dtype=np.float32)
    return np.kron(np.eye(WIDTH // 2, dtype=np.float32), pair)

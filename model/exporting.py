"""From weights to an ONNX file that runs without PyTorch.

The file takes 8-bit pixels, so that nothing but the views is left to its user. Batch normalization
stays unfolded: half-precision weights are then stored exactly, and the runtime folds them itself.

Shapes: N images, S input side.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.onnx import OnnxExporterError

from model.checkpoint import Checkpoint
from model.errors import CheckpointError
from model.files import atomic_file, file_sha256
from model.network import SafeNet
from model.normalisation import normalise, unit_range
from model.runtime.exported import OUTPUTS, ExportCard, write_card
from model.runtime.interface import Runtime
from model.runtime.openvino_runtime import OpenVinoRuntime
from model.runtime.torch_runtime import TorchRuntime

OPSET = 20
"""The first ONNX version whose GridSample and reductions are what the network needs."""

LEAST_COSINE = 0.9999
"""Least cosine with PyTorch's descriptors; a file below it is not written."""

CHECKED_IMAGES = 25
"""Odd, so that the last request holds another number of images than the others."""

_SMALL = 256
"""Number of values up to which an array keeps its precision."""


class ExportedNetwork(nn.Module):
    """The network from 8-bit pixels to all that a runtime returns."""

    def __init__(self, network: SafeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels_N3SS: Tensor) -> tuple[Tensor, ...]:
        """Return `OUTPUTS`, without boundaries where the network has no square rings."""
        images_N3SS = normalise(unit_range(pixels_N3SS), self.network.config.normalisation)
        rows_ND, found = self.network.describe_and_inspect(images_N3SS)
        parts = (rows_ND, found.theta_B23, found.boundaries_BK, found.heat_BHH)
        return tuple(part for part in parts if part is not None)


def export_onnx(checkpoint: Checkpoint, out: Path, *, half: bool) -> ExportCard:
    """Write weights as ONNX with any batch size, after comparing its descriptors with PyTorch's.

    Args:
        checkpoint: with one backbone for both views.
        out: the .onnx file; its card is written beside it.
        half: store the weights in fp16; the network computes in fp32 all the same.

    Raises:
        CheckpointError: the exported network gives other descriptors, or cannot be written.
    """
    data = onnx_bytes(checkpoint, half=half)
    with unwritable_named(out), atomic_file(out) as partial:
        partial.write_bytes(data)
        least = least_cosine(checkpoint, openvino_of(checkpoint, partial), out.name)
    card = ExportCard(
        weights_sha256=checkpoint.sha256,
        sha256=file_sha256(out),
        storage="fp16" if half else "fp32",
        checked_images=CHECKED_IMAGES,
        least_cosine=least,
    )
    write_card(out, card)
    return card


def onnx_bytes(checkpoint: Checkpoint, *, half: bool) -> bytes:
    """Return the ONNX file of a checkpoint, unchecked.

    Raises:
        CheckpointError: the network cannot be written as ONNX.
    """
    model = _traced(checkpoint).model_proto
    drop_traces(model)
    if half:
        store_in_half(model)
    data: bytes = model.SerializeToString()
    return data


@contextlib.contextmanager
def unwritable_named(out: Path) -> Iterator[None]:
    """Raise what the disk refuses as a CheckpointError of one line."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{out} cannot be written: {error.strerror}") from error


def _traced(checkpoint: Checkpoint) -> Any:
    """Return torch's ONNX program of a checkpoint; what its exporter prints is dropped."""
    network = ExportedNetwork(checkpoint.network()).eval()
    side = checkpoint.config.input_size
    example = torch.zeros((2, 3, side, side), dtype=torch.uint8)
    ringed = checkpoint.config.partition in ("saliency", "rings")
    names = [name for name in OUTPUTS if ringed or name != "boundaries"]
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                optimize=False,
                opset_version=OPSET,
                input_names=["pixels"],
                output_names=names,
                dynamic_shapes=({0: torch.export.Dim("N", min=1, max=1 << 16)},),
                verbose=False,
            )
    except OnnxExporterError as error:
        reason = str(error.__cause__ or error).split(". ")[0].splitlines()[-1]
        raise CheckpointError(
            f"weights {checkpoint.name} cannot be written as ONNX ({reason}); run them with PyTorch"
        ) from error
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def drop_traces(model: Any) -> None:
    """Remove what the exporter noted about the source code: paths of this machine, and 2 MB."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    for output in model.graph.output:
        del output.metadata_props[:]


def store_in_half(model: Any) -> None:
    """Store the large float arrays of an ONNX model in fp16, each cast back before its use."""
    import onnx

    casts = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= _SMALL:
            continue
        name, stored = tensor.name, f"{tensor.name}.fp16"
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])


def openvino_of(checkpoint: Checkpoint, export: Path) -> Runtime:
    """Return an exported file in OpenVINO.

    Raises:
        CheckpointError: OpenVINO cannot run it.
    """
    try:
        return OpenVinoRuntime(export, "fp32")
    except CheckpointError as error:
        raise CheckpointError(
            f"weights {checkpoint.name} cannot run in OpenVINO "
            f"({str(error.__cause__).splitlines()[-1]}); run them with PyTorch"
        ) from error


def least_cosine(checkpoint: Checkpoint, exported: Runtime, name: str) -> float:
    """Return the least cosine between the descriptors of an exported network and of PyTorch.

    Raises:
        CheckpointError: it is below `LEAST_COSINE`, or the exported network fails.
    """
    pixels_N3SS = sample_pixels(checkpoint.config.input_size, CHECKED_IMAGES)
    length = checkpoint.config.descriptor_dim
    expected_ND = TorchRuntime(checkpoint, "cpu").describe(pixels_N3SS)[:, :length]
    try:
        found_ND = exported.describe(pixels_N3SS)[:, :length]
    except RuntimeError as error:
        raise CheckpointError(
            f"weights {checkpoint.name} cannot run in {exported.name} "
            f"({str(error).splitlines()[-1]}); run them with PyTorch"
        ) from error
    least = float((expected_ND * found_ND).sum(axis=1).min())
    if least < LEAST_COSINE:
        raise CheckpointError(
            f"{name} is not written: its descriptors differ from PyTorch's "
            f"(cosine {least:.6f}); use --precision fp32"
        )
    return least


def sample_pixels(side: int, count: int) -> NDArray[np.uint8]:
    """Return images of random colours at several scales, which photos resemble: [N, 3, S, S]."""
    generator = np.random.default_rng(0)
    images = np.zeros((count, 3, side, side))
    for cells in (4, 16, side):
        coarse = generator.normal(size=(count, 3, cells, cells))
        repeats = -(-side // cells)
        fine = coarse.repeat(repeats, axis=2).repeat(repeats, axis=3)[:, :, :side, :side]
        images += fine * (40.0 if cells < side else 12.0)
    return np.clip(128 + images, 0, 255).astype(np.uint8)

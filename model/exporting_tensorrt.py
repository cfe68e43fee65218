"""From weights to a TensorRT engine, for NVIDIA GPUs and Jetson boards.

An engine runs on the kind of GPU and the TensorRT version that built it, so it is built where it
will run. Written for TensorRT 10. Shapes: N images, S input side.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.checkpoint import Checkpoint
from model.errors import CheckpointError, ConfigError
from model.exporting import least_cosine, onnx_bytes, unwritable_named
from model.files import atomic_file
from model.runtime.interface import Inspection

BATCHES = 1, 4, 32
"""Least, usual and largest number of images of a request. Our choice."""


def export_tensorrt(checkpoint: Checkpoint, out: Path, *, half: bool) -> float:
    """Write weights as a TensorRT engine for this machine's GPU.

    Args:
        checkpoint: with one backbone for both views.
        out: the engine's file.
        half: let TensorRT compute in fp16.

    Returns:
        Least cosine with PyTorch's descriptors.

    Raises:
        ConfigError: TensorRT or the GPU is missing.
        CheckpointError: the engine cannot be built or written, or gives other descriptors.
    """
    if importlib.util.find_spec("tensorrt") is None:
        raise ConfigError(
            "--to tensorrt needs TensorRT: pip install tensorrt (on a Jetson it comes with "
            "JetPack: make the virtual environment with --system-site-packages)"
        )
    if not torch.cuda.is_available():
        raise ConfigError(
            "--to tensorrt needs an NVIDIA GPU; run it on the machine that will serve"
        )
    engine = _engine(onnx_bytes(checkpoint, half=False), checkpoint, half)
    with unwritable_named(out), atomic_file(out) as partial:
        partial.write_bytes(engine)
        return least_cosine(checkpoint, TensorRtRuntime(engine), out.name)


def _engine(onnx: bytes, checkpoint: Checkpoint, half: bool) -> bytes:
    import tensorrt as trt

    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, trt.Logger(trt.Logger.ERROR))
    if not parser.parse(onnx):
        raise CheckpointError(
            f"weights {checkpoint.name} cannot run in TensorRT {trt.__version__} "
            f"({parser.get_error(0).desc()}); run them with PyTorch"
        )
    side, options = checkpoint.config.input_size, builder.create_builder_config()
    profile = builder.create_optimization_profile()
    profile.set_shape(network.get_input(0).name, *[(count, 3, side, side) for count in BATCHES])
    options.add_optimization_profile(profile)
    if half:
        options.set_flag(trt.BuilderFlag.FP16)
    engine = builder.build_serialized_network(network, options)
    if engine is None:
        raise CheckpointError(
            f"weights {checkpoint.name}: TensorRT {trt.__version__} built no engine; "
            "run them with PyTorch"
        )
    return bytes(engine)


class TensorRtRuntime:
    """A TensorRT engine on the GPU that built it: a `Runtime`."""

    def __init__(self, engine: bytes) -> None:
        """Read an engine's bytes.

        Raises:
            CheckpointError: another GPU or version built them.
        """
        import tensorrt as trt

        read = trt.Runtime(trt.Logger(trt.Logger.ERROR)).deserialize_cuda_engine(engine)
        if read is None:
            raise CheckpointError(
                "the engine was built on another GPU or by another TensorRT than "
                f"{trt.__version__}; run: safenet-export WEIGHTS --to tensorrt"
            )
        self._version, self._engine = trt.__version__, read
        self._context = read.create_execution_context()

    @property
    def name(self) -> str:
        """Library, its version and device."""
        return f"tensorrt {self._version} cuda"

    def describe(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return unit descriptors, then local features: float32 [N, D + L]."""
        largest = BATCHES[-1]
        parts = [
            self._run(pixels_N3SS[start : start + largest])["rows"]
            for start in range(0, len(pixels_N3SS), largest)
        ]
        return np.concatenate(parts)

    def inspect(self, pixels_3SS: NDArray[np.uint8]) -> Inspection:
        """Return alignment, boundaries and heat of one image."""
        found = self._run(pixels_3SS[None])
        return Inspection(
            theta_23=found["theta"][0],
            boundaries_K=found["boundaries"][0] if "boundaries" in found else None,
            heat_HH=found["heat"][0],
        )

    def _run(self, pixels_N3SS: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        pixels = torch.from_numpy(np.ascontiguousarray(pixels_N3SS)).cuda()
        self._context.set_input_shape("pixels", tuple(pixels.shape))
        held = {"pixels": pixels}
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            if name != "pixels":
                shape = tuple(self._context.get_tensor_shape(name))
                kind = torch.int64 if name == "boundaries" else torch.float32
                held[name] = torch.empty(shape, dtype=kind, device="cuda")
            self._context.set_tensor_address(name, held[name].data_ptr())
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        self._context.execute_async_v3(stream.cuda_stream)
        stream.synchronize()
        return {name: tensor.cpu().numpy() for name, tensor in held.items() if name != "pixels"}

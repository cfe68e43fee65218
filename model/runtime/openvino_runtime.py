"""An exported network in OpenVINO on a CPU.

Our choice of runtime, by processor time an image of the shipped weights at 224 px on one thread
(AVX-512): OpenVINO 21 ms, ONNX Runtime 24 ms, PyTorch 34 ms; all three give the same descriptors.

Shapes: N images, S input side.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from model.errors import CheckpointError, ConfigError
from model.runtime.exported import Precision
from model.runtime.interface import Inspection

SLICE = 2
"""Number of images of an inference request. Our choice: more leave a core's cache."""


class OpenVinoRuntime:
    """A compiled network: one stream a thread, so that no thread waits for another."""

    def __init__(self, export: Path, precision: Precision, threads: int = 0) -> None:
        """Compile the network.

        Args:
            export: the .onnx file.
            precision: of the arithmetic.
            threads: CPU threads; 0: as many as there are cores for this process.

        Raises:
            CheckpointError: OpenVINO cannot run the file on this processor.
            ConfigError: the processor has no such arithmetic.
        """
        if precision == "bf16" and not has_bf16():
            raise ConfigError(
                "precision = 'bf16': this processor has no bf16 arithmetic (AVX-512 BF16 or AMX); "
                "use fp32"
            )
        count = threads or len(os.sched_getaffinity(0))
        options: dict[str, Any] = {
            # OpenVINO's own default is bf16 on some processors.
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": count,
            "NUM_STREAMS": count,
            "ENABLE_CPU_PINNING": False,
        }
        try:
            core = ov.Core()
            self._network = core.compile_model(core.read_model(export), "CPU", options)
        except RuntimeError as error:
            raise CheckpointError(
                f"{export.name} cannot run on this processor with OpenVINO {_version()} "
                f"({str(error).splitlines()[-1]}); use PyTorch: delete the file and "
                "pip install 'safenet-geo[training]'"
            ) from error
        self._outputs = {port.any_name for port in self._network.outputs}
        self._queue = ov.AsyncInferQueue(self._network, count)
        self._precision = precision

    @property
    def name(self) -> str:
        """Library, its version, device and precision."""
        return f"openvino {_version()} cpu {self._precision}"

    def describe(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return unit descriptors, then local features: float32 [N, D + L]."""
        parts: dict[int, NDArray[np.float32]] = {}

        def keep(request: Any, start: int) -> None:
            parts[start] = request.get_tensor("rows").data.copy()

        self._queue.set_callback(keep)
        for start in range(0, len(pixels_N3SS), SLICE):
            self._queue.start_async({0: pixels_N3SS[start : start + SLICE]}, start)
        self._queue.wait_all()
        return np.concatenate([parts[start] for start in sorted(parts)])

    def inspect(self, pixels_3SS: NDArray[np.uint8]) -> Inspection:
        """Return alignment, boundaries and heat of one image."""
        request = self._network.create_infer_request()
        request.infer({0: pixels_3SS[None]})
        ringed = "boundaries" in self._outputs
        return Inspection(
            theta_23=request.get_tensor("theta").data[0].copy(),
            boundaries_K=request.get_tensor("boundaries").data[0].copy() if ringed else None,
            heat_HH=request.get_tensor("heat").data[0].copy(),
        )


def has_bf16() -> bool:
    """Return whether this processor computes in bf16."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _version() -> str:
    return ".".join(str(ov.__version__).split("-")[0].split(".")[:2])

"""Networks of the matcher, compiled by OpenVINO for the CPU."""

from typing import Any

import openvino as ov


def compiled(network: ov.Model, *, bf16: bool = False, threads: int = 0) -> ov.CompiledModel:
    """Return the network, compiled for the least time of one call.

    Args:
        network: the graph.
        bf16: compute in bf16 where the processor can: in three fifths of the time.
        threads: number of CPU threads; 0: as many as there are cores.

    Raises:
        RuntimeError: OpenVINO cannot run the network on this processor.
    """
    core = ov.Core()
    capable = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    hints: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        # OpenVINO's own default is bf16 on some processors.
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 and capable else "f32",
    }
    if threads:
        hints["INFERENCE_NUM_THREADS"] = str(threads)
    return core.compile_model(network, "CPU", hints)

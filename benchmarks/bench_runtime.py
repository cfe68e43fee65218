"""How much less processor time the exported network takes than the same weights in PyTorch."""

import time
from collections.abc import Callable

from figure import CannotRun, Figure

from model.checkpoint import load_checkpoint
from model.embedder import SHIPPED_WEIGHTS
from model.exporting import sample_pixels
from model.runtime.exported import export_path
from model.runtime.openvino_runtime import OpenVinoRuntime
from model.runtime.torch_runtime import TorchRuntime

IMAGES, RUNS = 32, 7


def run() -> dict[str, Figure]:
    """Compare both runtimes on the same images in turn, all threads of the process counted.

    Processor time is compared, since it hardly depends on what else the machine does.
    """
    export = export_path(SHIPPED_WEIGHTS)
    if not export.exists():
        raise CannotRun(f"{export.name} is missing; run: safenet-export {SHIPPED_WEIGHTS}")
    checkpoint = load_checkpoint(SHIPPED_WEIGHTS)
    pixels = sample_pixels(checkpoint.config.input_size, IMAGES)
    exported, plain = OpenVinoRuntime(export, "fp32"), TorchRuntime(checkpoint, "cpu")
    exported.describe(pixels)
    plain.describe(pixels)
    pairs = [
        (
            processor_s(lambda: plain.describe(pixels)),
            processor_s(lambda: exported.describe(pixels)),
        )
        for _ in range(RUNS)
    ]
    milliseconds = [1e3 * ours / IMAGES for _, ours in pairs]
    return {
        "cpu_embed_over_torch": Figure.of([torch / ours for torch, ours in pairs], "ratio"),
        "cpu_embed_processor_ms": Figure.of(milliseconds, "ms/image"),
    }


def processor_s(work: Callable[[], object]) -> float:
    """Processor time of one call in all threads, s."""
    started = time.process_time()
    work()
    return time.process_time() - started

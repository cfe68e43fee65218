"""The parts of gpu_check.py: each measures or compares one thing on a device.

Legend: N images or rows, S input side, D descriptor length, Q queries.
"""

import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bench_network
import numpy as np
import torch
from bench_index_build import write_photos
from figure import CannotRun, Figure, seconds_of
from torch.utils.flop_counter import FlopCounterMode

from indexer.building import operations
from indexer.gallery import vectors
from indexer.gallery.vector_search import Searcher
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.checkpoint import load_checkpoint
from model.embedder import SHIPPED_WEIGHTS, Embedder
from model.exporting import LEAST_COSINE, sample_pixels
from model.normalisation import normalise, unit_range
from model.runtime.choice import load_runtime
from model.runtime.torch_runtime import TorchRuntime, inference_network
from service.open_galleries import OpenGalleries

RUNS = 5
LEAST_OVERLAP = 0.99
"""Least share of the CPU's matches that an approximate index on the GPU must find."""

MOST_GROWTH_MB = 64.0
"""Largest growth of the GPU's memory over all reloads but the first. Our choice: one arena."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much each part does."""

    images: int
    batch: int
    matmul: int
    compared: int
    built: int
    rows: int
    queries: int
    reloads: int
    steps: int
    training: tuple[str, ...] = ()
    """Changes to the paper's recipe."""


def measure_embedding(device: torch.device, sizes: Sizes) -> dict[str, Figure]:
    """Images per second in bf16, and their share of what the device's own matmul reaches."""
    checkpoint = load_checkpoint(SHIPPED_WEIGHTS)
    network = inference_network(checkpoint).to(device)
    side = checkpoint.config.input_size
    pixels = torch.from_numpy(sample_pixels(side, min(sizes.batch, 32))).to(device)
    pixels = pixels.repeat(-(-sizes.batch // len(pixels)), 1, 1, 1)[: sizes.batch]

    def describe() -> torch.Tensor:
        images = normalise(unit_range(pixels), checkpoint.config.normalisation)
        with torch.autocast(device.type, torch.bfloat16):
            return network.describe_with_local(images)

    # In inference mode the counter counts every convolution twice.
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        describe()
    flops = counter.get_total_flops() / sizes.batch
    batches = max(1, sizes.images // sizes.batch)

    @torch.inference_mode()
    def all_batches() -> None:
        for _ in range(batches):
            describe()
        _wait(device)

    seconds = seconds_of(all_batches, runs=RUNS, warm_up=1)
    rates = [batches * sizes.batch / each for each in seconds]
    bound = _matmul_flops(device, sizes.matmul)
    return {
        "gpu_embed_bf16_images_per_s": Figure.of(rates, "images/s"),
        "gpu_matmul_bf16_tflops": Figure.of([bound / 1e12], "TFLOP/s"),
        "gpu_embed_bf16_share_of_matmul": Figure.of(
            [rate * flops / bound for rate in rates], "share"
        ),
    }


def _matmul_flops(device: torch.device, side: int) -> float:
    """FLOP/s of a large matrix product in bf16: the device's practical peak."""
    left = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    right = torch.randn(side, side, device=device, dtype=torch.bfloat16)

    def multiply() -> None:
        for _ in range(8):
            torch.mm(left, right)
        _wait(device)

    return 8 * 2.0 * side**3 / min(seconds_of(multiply, runs=RUNS))


def check_descriptors(device: torch.device, sizes: Sizes) -> dict[str, Figure]:
    """The device's descriptors equal the CPU's; AssertionError where they do not."""
    checkpoint = load_checkpoint(SHIPPED_WEIGHTS)
    pixels = sample_pixels(checkpoint.config.input_size, sizes.compared)
    length = checkpoint.config.descriptor_dim
    found = TorchRuntime(checkpoint, str(device)).describe(pixels)[:, :length]
    _, served = load_runtime(SHIPPED_WEIGHTS, "cpu")
    cosines = (found * served.describe(pixels)[:, :length]).sum(axis=1)
    least = float(cosines.min())
    assert least >= LEAST_COSINE, f"least cosine of GPU and CPU {least:.6f} < {LEAST_COSINE}"
    return {"gpu_cpu_least_cosine": Figure.of([least], "cosine")}


def measure_build(device: torch.device, sizes: Sizes) -> dict[str, Figure]:
    """Images per second from JPEG files into a published gallery."""
    embedder = Embedder.load(device=str(device))
    with tempfile.TemporaryDirectory() as place:
        photos = Path(place) / "photos"
        write_photos(photos, sizes.built)
        source = open_source(photos, SourceOptions(view="drone"))
        began = time.perf_counter()
        operations.build(Path(place) / "store", "bench", source, embedder)
        seconds = time.perf_counter() - began
    return {"gpu_index_build_images_per_s": Figure.of([sizes.built / seconds], "images/s")}


def check_index(device: torch.device, sizes: Sizes) -> dict[str, Figure]:
    """Indexes built and searched on the GPU give the CPU's matches."""
    noise = np.random.default_rng(0)
    rows_ND = _unit(noise.standard_normal((sizes.rows, 512), dtype=np.float32))
    asked_QD = _unit(rows_ND[: sizes.queries] + 0.02 * noise.standard_normal((sizes.queries, 512)))
    figures: dict[str, Figure] = {}
    for kind in ("flat", "ivf-sq8"):
        figures |= _compared(kind, rows_ND, asked_QD, needs_gpu=device.type == "cuda")
    return figures


def _compared(
    kind: str, rows_ND: np.ndarray, asked_QD: np.ndarray, *, needs_gpu: bool
) -> dict[str, Figure]:
    count = len(rows_ND)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "index.faiss"
        index = vectors.build(
            kind, 512, count, lambda n: rows_ND[:n], [(np.arange(count), rows_ND)]
        )
        vectors.save(index, path)
        on_cpu, on_gpu = Searcher(path, kind, gpu=False), Searcher(path, kind)
    if needs_gpu and not on_gpu.on_gpu:
        raise CannotRun("faiss here finds no GPU: pip uninstall faiss-cpu, install faiss-gpu-cu12")
    shares, milliseconds = [], []
    for asked_D in asked_QD:
        expected = on_cpu.search(asked_D[None], 10)
        began = time.perf_counter()
        found = on_gpu.search(asked_D[None], 10)
        milliseconds.append(1e3 * (time.perf_counter() - began))
        shares.append(len(np.intersect1d(expected, found)) / len(expected))
    share = float(np.mean(shares))
    assert share >= LEAST_OVERLAP, f"{kind}: the GPU finds {share:.3f} of the CPU's matches"
    key = f"gpu_search_{kind.replace('-', '_')}"
    return {
        f"{key}_ms": Figure.of(milliseconds, "ms"),
        f"{key}_share_of_cpu_matches": Figure.of([share], "share"),
    }


def check_reloads(device: torch.device, sizes: Sizes) -> dict[str, Figure]:
    """A gallery replaced again and again while it is served leaves no GPU memory behind."""
    embedder = Embedder.load(device=str(device))
    with tempfile.TemporaryDirectory() as place:
        store, photos = Path(place) / "store", Path(place) / "photos"
        write_photos(photos, 8)
        used_mb: list[float] = []
        galleries = OpenGalleries(store, embedder)
        for turn in range(sizes.reloads + 1):
            source = open_source(photos, SourceOptions(view="drone"))
            operations.build(store, "bench", source, embedder, start_over=True)
            assert galleries.refresh() != {}, f"version {turn} was not loaded"
            with galleries.lease("bench") as gallery:
                assert gallery.size == 8, f"{gallery.size} images of 8 after reload {turn}"
            used_mb.append(_used_mb(device))
        galleries.close()
    growth = used_mb[-1] - used_mb[1]
    assert growth <= MOST_GROWTH_MB, f"{sizes.reloads} reloads left {growth:.0f} MB behind"
    return {"gpu_reload_growth_mb": Figure.of([growth], "MB")}


def _used_mb(device: torch.device) -> float:
    """Memory in use on the GPU by every library; of the process where there is none."""
    if device.type != "cuda":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / 1e6


def measure_training(device: torch.device, sizes: Sizes) -> dict[str, Figure]:
    """Time of inference and of a training step, with FAM and FPM over the bare backbone."""
    found = bench_network.run(device, sizes.steps, sizes.training)
    return {f"gpu_{key}": figure for key, figure in found.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _unit(rows_ND: np.ndarray) -> np.ndarray:
    unit: np.ndarray = rows_ND / np.linalg.norm(rows_ND, axis=1, keepdims=True)
    return unit.astype(np.float32)

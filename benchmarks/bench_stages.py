"""How far each stage of an answer is from what the machine allows.

| stage  | bound                                                                               |
|--------|-------------------------------------------------------------------------------------|
| decode | libjpeg alone: Pillow decodes the same bytes at the same scale, and nothing else      |
| embed  | FLOP/s of a large matrix product in OpenVINO, on one thread                           |
| search | bytes of a flat index a second, against copying memory                                |
| verify | none: the time of the matcher's network, of which a photo needs eight views          |

Bound and stage take turns, and processor time is compared, which hardly depends on what else the
machine does. Shapes: N rows, D descriptor length.
"""

import io
import time
from collections.abc import Callable

import numpy as np
import openvino as ov
import torch
from figure import Figure
from openvino import opset13 as ops
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from indexer.gallery.vectors import faiss
from model.checkpoint import load_checkpoint
from model.embedder import SHIPPED_WEIGHTS, Embedder
from model.exporting import sample_pixels
from model.images import open_image
from model.matching.xfeat import XFeat
from model.matching.xfeat_matcher import SIDE

RUNS, IMAGES, MATMUL, ROWS, PHOTO = 7, 16, 1_024, 20_000, (4_000, 3_000)


def run() -> dict[str, Figure]:
    """Return the share of its bound that each stage reaches."""
    return _embed() | _decode() | _search()


def _decode() -> dict[str, Figure]:
    noise = np.random.default_rng(0).integers(0, 256, (75, 100, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).resize(PHOTO, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    body = stream.getvalue()
    side = 2 * Embedder.load(matcher="none").input_size

    def libjpeg() -> None:
        image = Image.open(io.BytesIO(body))
        image.draft("RGB", (side, side))
        image.load()

    shares = _shares(libjpeg, lambda: open_image(body, min_side=side))
    return {"stage_decode_share_of_libjpeg": Figure.of(shares, "share")}


def _embed() -> dict[str, Figure]:
    bound = _matmul_flops()
    checkpoint = load_checkpoint(SHIPPED_WEIGHTS)
    embedder = Embedder.load(device="cpu")
    pixels = sample_pixels(checkpoint.config.input_size, IMAGES)
    network, image = checkpoint.network().eval(), torch.rand(1, 3, *pixels.shape[2:])
    # In inference mode the counter counts every convolution twice.
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.describe_with_local(image)
    flops = float(counter.get_total_flops()) * IMAGES
    xfeat = XFeat(SIDE)
    shares, xfeat_ms = [], []
    for _ in range(RUNS):
        shares.append(flops / _seconds(lambda: embedder.runtime.describe(pixels)) / bound)
        xfeat_ms.append(1e3 * _seconds(lambda: xfeat(pixels)) / IMAGES)
    return {
        "stage_embed_share_of_matmul": Figure.of(shares, "share"),
        "stage_verify_network_ms": Figure.of(xfeat_ms, "ms/view"),
    }


def _matmul_flops() -> float:
    """Return the FLOP/s of a matrix product in OpenVINO on one thread, which waits for no other.

    It is measured before other networks are loaded, whose idle threads take processor time too.
    """
    left = ops.parameter([MATMUL, MATMUL], ov.Type.f32)
    values = np.random.default_rng(0).standard_normal((MATMUL, MATMUL), dtype=np.float32)
    product = left
    for _ in range(4):
        product = ops.matmul(product, ops.constant(values / MATMUL**0.5), False, False)
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    request = ov.Core().compile_model(ov.Model([product], [left]), "CPU", options)
    infer = request.create_infer_request().infer
    return 4 * 2.0 * MATMUL**3 / min(_seconds(lambda: infer({0: values})) for _ in range(RUNS))


def _search() -> dict[str, Figure]:
    rows_ND = np.random.default_rng(0).standard_normal((ROWS, 2_560), dtype=np.float32)
    faiss.omp_set_num_threads(1)  # a copy has one thread too
    index = faiss.IndexFlatIP(2_560)
    index.add(rows_ND)
    copy_ND = np.empty_like(rows_ND)
    # A search reads every row once; a copy reads and writes it.
    shares = _shares(lambda: np.copyto(copy_ND, rows_ND), lambda: index.search(rows_ND[:1], 60))
    return {"stage_search_share_of_memory": Figure.of([each / 2 for each in shares], "share")}


def _shares(bound: Callable[[], object], stage: Callable[[], object]) -> list[float]:
    """Time of the bound divided by that of the stage, run by run."""
    _seconds(bound)
    _seconds(stage)
    return [_seconds(bound) / _seconds(stage) for _ in range(RUNS)]


def _seconds(work: Callable[[], object]) -> float:
    """Processor time of every thread."""
    began = time.process_time()
    work()
    return time.process_time() - began

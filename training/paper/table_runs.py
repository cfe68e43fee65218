"""Trains and evaluates the rows of a table; a finished run is never trained again."""

import dataclasses
import hashlib
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from model.network import SafeNet
from training.data.image_sets import Benchmark
from training.data.layouts import read_benchmark
from training.data.places import Place, data_digest
from training.data.training_data import training_places
from training.errors import DataError
from training.evaluation.descriptor_cache import DescriptorCache
from training.evaluation.embedding import EmbeddingOptions, ImageSetEmbedder
from training.evaluation.evaluation import Protocol, Rules, evaluate
from training.learning.loop import RunOptions, git_commit, train
from training.learning.recipe import Recipe
from training.learning.recipes import recipe
from training.paper.paper_tables import PaperTable, Row

TIMED_RUNS = 5


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """Settings that all rows of a call share."""

    data: Path
    out: Path
    recipe: str = "paper"
    changes: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    protocol: Protocol = "full"
    workers: int = 2


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """Figures of a row, one entry per seed where they depend on it."""

    label: tuple[str, ...]
    paper: tuple[float, ...]
    ours: tuple[tuple[float, ...], ...] = ()
    """The four columns for each seed."""
    parameters_m: float | None = None
    """Number of parameters in units of 2^20, without tokens and class layers."""
    operations_g: float | None = None
    """Return the multiply-adds of an image pair in units of 2^30, attention products included."""
    train_seconds: float | None = None
    test_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class TableResult:
    """A table and the settings it was measured with."""

    table: PaperTable
    rows: tuple[RowResult, ...]
    facts: dict[str, Any]


def run_table(table: PaperTable, settings: TableSettings) -> TableResult:
    """Train, evaluate and time every row of a table.

    Raises:
        DataError: the data is not of the table's layout.
        RecipeError: a change is refused.
    """
    benchmark = read_benchmark(settings.data)
    if benchmark.layout != table.layout:
        raise DataError(
            f"table {table.number} needs {table.layout}, {settings.data} is {benchmark.layout}"
        )
    places = training_places(settings.data)
    rows = tuple(_run_row(table, row, settings, benchmark) for row in table.rows)
    facts = {
        "protocol": settings.protocol,
        "recipe": settings.recipe,
        "set": list(settings.changes),
        "seeds": list(settings.seeds),
        "commit": git_commit(),
        "data": settings.data.name,
        "data_digest": data_digest(places),
        "training_places": len(places),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }
    return TableResult(table=table, rows=rows, facts=facts)


def _run_row(
    table: PaperTable, row: Row, settings: TableSettings, benchmark: Benchmark
) -> RowResult:
    if row.changes is None:
        return RowResult(label=row.label, paper=row.paper)
    runs = [_trained(row, settings, seed) for seed in settings.seeds]
    numbers = tuple(_numbers(row, settings, benchmark, weights) for weights in runs)
    result = RowResult(label=row.label, paper=row.paper, ours=numbers)
    chosen = recipe(settings.recipe, (*settings.changes, *row.changes))
    if table.complexity:
        network = SafeNet(chosen.model).eval()
        result = dataclasses.replace(
            result, parameters_m=parameters_m(network), operations_g=operations_g(network)
        )
    if table.timing:
        result = dataclasses.replace(
            result,
            train_seconds=statistics.median(_logged_seconds(run.parent) for run in runs),
            test_seconds=_test_seconds(chosen),
        )
    return result


def _trained(row: Row, settings: TableSettings, seed: int) -> Path:
    """Return a row's weights under one seed; a run of the same recipe and data is reused."""
    changes = (*settings.changes, *(row.changes or ()), f"seed={seed}")
    chosen = recipe(settings.recipe, changes)
    places = training_places(settings.data, height_m=row.height_m)
    out = settings.out / "runs" / run_name(chosen, places)
    weights = out / "weights.safetensors"
    if not weights.is_file():
        resume = (out / "last.ckpt").is_file()
        train(chosen, places, RunOptions(out=out, resume=resume, workers=settings.workers))
    return weights


def run_name(chosen: Recipe, places: list[Place]) -> str:
    """Return a folder name that identifies recipe and data."""
    facts = json.dumps([chosen.to_dict(), data_digest(places)], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _numbers(
    row: Row, settings: TableSettings, benchmark: Benchmark, weights: Path
) -> tuple[float, ...]:
    """Return R@1 and AP of both directions in percent; empty if no place has `row.views` views."""
    if row.height_m is not None:
        kept = [d for d in benchmark.directions if d.name.endswith(f" {row.height_m} m")]
        benchmark = dataclasses.replace(benchmark, directions=tuple(kept))
    if row.views > 1:
        kept = [d for d in benchmark.directions if d.query.view == "drone"]
        benchmark = dataclasses.replace(benchmark, directions=tuple(kept))
        if row.views > max(direction.query.most_images() for direction in kept):
            return ()
    cache = DescriptorCache(settings.out / "descriptors")
    options = EmbeddingOptions(weights=weights, workers=settings.workers, cache=cache)
    embedder = ImageSetEmbedder.load(options)
    rules = Rules(protocol=settings.protocol, multi_query=row.views, verify=False)
    numbers: list[float] = []
    for score in evaluate(benchmark, embedder, rules).values():
        assert score.retrieval is not None
        numbers += [score.retrieval.recall[1], score.retrieval.average_precision]
    return tuple(numbers)


def parameters_m(network: SafeNet) -> float:
    """Return the parameters in units of 2^20 as in Table III: without tokens and class layers."""
    tokens = ("cls_token", "pos_embed")
    counted = [p.numel() for name, p in network.named_parameters() if not name.endswith(tokens)]
    return sum(counted) / 2**20


def operations_g(network: SafeNet) -> float:
    """Return the multiply-adds of an image pair in units of 2^30, attention included."""
    side = network.config.input_size
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.describe(torch.zeros(1, 3, side, side))
    return float(counter.get_total_flops()) / 2 * 2 / 2**30


def _logged_seconds(run: Path) -> float:
    """Return the median seconds of a run's epochs."""
    lines = (run / "log.jsonl").read_text().splitlines()
    return statistics.median(float(json.loads(line)["seconds"]) for line in lines)


def _test_seconds(chosen: Recipe) -> float:
    """Return the median seconds to embed 8 images."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = SafeNet(chosen.model).eval().to(device)
    side = chosen.model.input_size
    images = torch.zeros(8, 3, side, side, device=device)
    samples = []
    with torch.inference_mode():
        for _ in range(TIMED_RUNS + 1):
            started = time.perf_counter()
            network.describe(images).cpu()
            samples.append(time.perf_counter() - started)
    return statistics.median(samples[1:])

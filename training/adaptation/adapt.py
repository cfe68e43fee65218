"""Fine-tunes weights to a user's own ground, and keeps what is better on ground that was held out.

Every step leaves its result below the run's folder, and a second call goes on from there.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model.checkpoint import load_checkpoint
from model.embedder import SHIPPED_WEIGHTS
from model.exporting import export_onnx
from model.files import write_atomically
from model.runtime.exported import export_path
from model.weights_info import json_path
from training.adaptation.candidates import SHARES, write_candidate
from training.adaptation.confidence import fit_confidence
from training.adaptation.ground import Ground, render_places
from training.adaptation.parts import LocatedPlace, Parts, benchmark, split
from training.adaptation.photos import PhotoPlaces, write_photo_places
from training.data.gps_table import read_gps
from training.data.places import Place
from training.data.training_data import training_places
from training.errors import DataError, RunError
from training.evaluation.descriptor_cache import DescriptorCache
from training.evaluation.embedding import EmbeddingOptions, ImageSetEmbedder
from training.evaluation.evaluation import Rules, evaluate
from training.learning.loop import RunOptions, train
from training.learning.recipe import Recipe
from training.learning.recipes import recipe

_GSD_M = 0.3
_SETTINGS = (
    "warmup_epochs=0.2", "lr_backbone=3e-4", "lr_rest=3e-4",
    "lr_localization=3e-4", "appearance=two-sources", "one_source_pairs=0.35", "bad_weather=0.3",
    "ema_decay=0.9",
)  # fmt: skip
"""Our choice, as in the runs of docs/training-runs.md that start from trained weights."""
_PAIRS, _STEPS, _FROZEN_STAGES = (16, 48), 3, 2
"""Our choice: bounds of a batch, and the steps of an epoch that a batch should leave room for."""


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """What to adapt to, from which weights, and for how long."""

    ground: Ground
    out: Path
    photos: Path | None = None
    start: Path = SHIPPED_WEIGHTS
    epochs: int = 30
    workers: int = 2


@dataclass(frozen=True, kw_only=True)
class HeldOutScore:
    """R@1 in percent on the held-out ends of the ground, of the descriptor and re-ranked.

    `choose` is of the end by which the weights were chosen, the others are of the other end.
    """

    choose: float
    descriptor: float
    reranked: float

    def holds_against(self, other: "HeldOutScore") -> bool:
        """Return whether neither figure of the end that chose nothing is worse than another's."""
        return self.descriptor >= other.descriptor and self.reranked >= other.reranked


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """The result: scores of the start and of the best mean, and whether the start was kept.

    `share` is that of the fine-tuned weights in the best mean. `places` are the numbers of places
    that trained, that chose and that the report is of.
    """

    weights: Path
    kept_start: bool
    share: float
    before: HeldOutScore
    after: HeldOutScore
    places: tuple[int, int, int]
    photos: PhotoPlaces | None = field(default=None)


def adapt(job: Adaptation, tell: Callable[[str], None]) -> Adapted:
    """Render, fine-tune, choose, calibrate and export; return the scores before and after.

    Args:
        job: what to do.
        tell: receives a line at the start of every step.

    Raises:
        DataError: the ground is too small, or no photo can be used.
        MapSourceError, MeshError: the ground cannot be read.
        RunError, WorldOutputError: the folder holds a run of another ground or of other settings.
    """
    if job.photos is not None and job.ground.is_mesh:
        raise DataError(
            f"{job.photos}: photos need a map to cut their tiles from; give the orthophoto of "
            f"{job.ground.path.name} instead of the mesh, or leave out --photos"
        )
    _claim(job)
    tell("1/5 rendering drone views")
    render_places(job.ground, job.out / "places", job.workers)
    photos = _photo_places(job)
    places = [place for folder in _folders(job) for place in _located(folder)]
    parts = split(places, job.ground.span_m)
    counts = (len(parts.train), len(parts.choose), len(parts.report))
    tell(
        f"2/5 fine-tuning on {counts[0]} places; {counts[1]} at one end of the ground choose "
        f"between weights, {counts[2]} at the other end are for the report"
    )
    tuned = _tuned(job, [one.place for one in parts.train])
    tell("3/5 choosing the mean of the weights before and after")
    share, before, after = _chosen(job, tuned, parts, places)
    kept_start = share == 0.0 or not after.holds_against(before)
    weights = job.out / "adapted.safetensors"
    if kept_start:
        tell(f"4/5 {kept_reason(share)}: the weights before are kept")
        _copy(job.start, weights)
    else:
        tell("4/5 fitting the confidence")
        _copy(_candidate(job, share), weights)
        fit_confidence(
            weights,
            job.out / "places",
            [file for one in parts.choose for file in one.place.drone],
            job.out / "calibration",
            away_m=1.5 * job.ground.span_m,
        )
    tell("5/5 exporting for a CPU without PyTorch")
    export_onnx(load_checkpoint(weights), export_path(weights), half=True)
    return Adapted(
        weights=weights,
        kept_start=kept_start,
        share=share,
        before=before,
        after=after,
        places=counts,
        photos=photos,
    )


def _claim(job: Adaptation) -> None:
    """Refuse a folder that holds an adaptation to something else."""
    ground = job.ground
    facts = {
        "ground": str(ground.path.resolve()),
        "surface_model": str(ground.surface_model or ""),
        "photos": str(job.photos.resolve()) if job.photos else "",
        "start": load_checkpoint(job.start).sha256,
        "settings": [ground.places, ground.views, ground.span_m, ground.spacing_m, ground.seed],
        "epochs": job.epochs,
    }
    file, text = job.out / "adapt.json", json.dumps(facts, indent=2) + "\n"
    if file.exists() and file.read_text() != text:
        raise RunError(
            f"{job.out}: holds an adaptation of other settings ({file}); use another --out"
        )
    try:
        job.out.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text.encode())
    except OSError as error:
        raise RunError(f"{job.out} cannot be written: {error.strerror}") from error


def _folders(job: Adaptation) -> list[Path]:
    return [job.out / "places", *([job.out / "photos"] if job.photos else [])]


def _photo_places(job: Adaptation) -> PhotoPlaces | None:
    if job.photos is None:
        return None
    folder, counts = job.out / "photos", job.out / "photos.json"
    if counts.exists():
        return PhotoPlaces(**json.loads(counts.read_text()))
    shutil.rmtree(folder, ignore_errors=True)
    written = write_photo_places(
        job.photos, job.ground.path, folder, span_m=job.ground.span_m, gsd_m=_GSD_M
    )
    write_atomically(counts, json.dumps(dataclasses.asdict(written)).encode())
    return written


def _located(folder: Path) -> list[LocatedPlace]:
    """Return the places of a folder with the positions of their tiles."""
    at = {row.place: row.position for row in read_gps(folder) if row.view == "satellite"}
    return [
        LocatedPlace(place=place, position=at[place.place_id]) for place in training_places(folder)
    ]


def _recipe(job: Adaptation, places: int) -> Recipe:
    model = load_checkpoint(job.start).config
    batch = min(max(places // _STEPS, _PAIRS[0]), _PAIRS[1])
    frozen = _FROZEN_STAGES if "efficientnet" in model.backbone else 0
    settings = [
        f"frozen_stages={frozen}",
        f"batch={batch}",
        f"epochs={job.epochs}",
    ]
    return dataclasses.replace(recipe("modern", [*_SETTINGS, *settings]), model=model)


def _tuned(job: Adaptation, places: Sequence[Place]) -> Path:
    run = job.out / "run"
    options = RunOptions(
        out=run,
        resume=(run / "last.ckpt").exists(),
        initial_weights=job.start,
        workers=job.workers,
    )
    return train(_recipe(job, len(places)), list(places), options)


def _candidate(job: Adaptation, share: float) -> Path:
    return job.out / "candidates" / f"share-{100 * share:03.0f}.safetensors"


def _chosen(
    job: Adaptation, tuned: Path, parts: Parts, places: Sequence[LocatedPlace]
) -> tuple[float, HeldOutScore, HeldOutScore]:
    """Return the best share by the choosing end, and the scores at both ends before and after."""
    cache = DescriptorCache(job.out / "cache")
    start, end = load_checkpoint(job.start), load_checkpoint(tuned)

    def recall1(weights: Path, part: Sequence[LocatedPlace], *, verify: bool) -> float:
        options = EmbeddingOptions(weights=weights, workers=job.workers, cache=cache)
        embedder = ImageSetEmbedder.load(options)
        found = evaluate(benchmark(part, places), embedder, Rules(verify=verify))
        retrieval = found["drone→satellite"].retrieval
        assert retrieval is not None
        return retrieval.recall[1]

    by_share = {0.0: recall1(job.start, parts.choose, verify=False)}
    train_places = [one.place for one in parts.train]
    for share in SHARES:
        file = _candidate(job, share)
        if not file.exists():
            notes: dict[str, object] = {
                "adapted_to": job.ground.path.name,
                "adapted_from": {"name": start.name, "sha256": start.sha256, "share": 1 - share},
                "recipe": end.card.get("recipe"),
                "data_digest": end.card.get("data_digest"),
            }
            write_candidate(start, end, share, train_places, file, notes=notes)
        by_share[share] = recall1(file, parts.choose, verify=False)
    best = best_share(by_share)

    def scores(weights: Path, choose: float) -> HeldOutScore:
        return HeldOutScore(
            choose=choose,
            descriptor=recall1(weights, parts.report, verify=False),
            reranked=recall1(weights, parts.report, verify=True),
        )

    before = scores(job.start, by_share[0.0])
    return best, before, scores(_candidate(job, best), by_share[best]) if best else before


def kept_reason(share: float) -> str:
    """Return why the weights before are kept, by the best mean's share of the fine-tuned ones."""
    if share == 0.0:
        return "no mean was better at the end that chooses"
    return (
        f"the mean with {100 * share:.0f} % fine-tuned was better at the end that chooses, but "
        "worse at the other"
    )


def best_share(recall1: Mapping[float, float]) -> float:
    """Return the share of the fine-tuned weights with the best R@1; of equal ones the smallest."""
    return max(recall1, key=lambda share: (recall1[share], -share))


def _copy(weights: Path, out: Path) -> None:
    for file, target in ((weights, out), (json_path(weights), json_path(out))):
        write_atomically(target, file.read_bytes())

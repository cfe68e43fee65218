"""The training loop; devices, ranks and precision are Lightning Fabric's."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from console.progress import Progress
from model.checkpoint import save_checkpoint
from model.files import atomic_file
from model.normalisation import normalise, unit_range
from training.data.places import Place, data_digest
from training.errors import RecipeError, RunError
from training.learning.appearance import Appearance
from training.learning.augmentation import PaperAugmentation, StrongAugmentation
from training.learning.averaging import Average
from training.learning.head_whitening import whiten_heads
from training.learning.learner import Learner, build_learner
from training.learning.loading import (
    EMBED_BATCH,
    FileDataset,
    PairBatch,
    PairDataset,
    batches,
    draw_epoch,
)
from training.learning.optimization import build_optimizer, build_scheduler
from training.learning.palettes import Palettes
from training.learning.recipe import Recipe
from training.learning.recipes import recipe as named_recipe
from training.learning.whitening import fit_whitening


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where and how a recipe runs, apart from what the recipe itself defines."""

    out: Path
    resume: bool = False
    initial_weights: Path | None = None
    """Start from these weights instead of ImageNet's."""
    workers: int = 2
    """Number of decoding processes."""


def train(recipe: Recipe, places: list[Place], options: RunOptions) -> Path:
    """Run a recipe to its last epoch and write OUT/weights.safetensors.

    After every epoch the whole state is written to OUT/last.ckpt, as one whole file. A run that was
    killed is resumed from its last epoch and ends with the same weights as an uninterrupted one.

    Raises:
        RecipeError: fewer places than a batch needs.
        RunError: OUT holds another run, or cannot be written.
    """
    run = start(recipe, places, options)
    with torch.random.fork_rng(devices=[]):
        run.epochs()
    return run.export()


def start(recipe: Recipe, places: list[Place], options: RunOptions) -> "Run":
    """Return a run that is ready to train its first unfinished epoch; see `train`."""
    fabric = Fabric(precision=_precision(recipe), **_processes())
    fabric.launch()
    _check(recipe, places, options, fabric)
    torch.manual_seed(recipe.seed)
    learner = build_learner(recipe, len(places), options.initial_weights)
    optimizer = build_optimizer(learner, recipe.optimization)
    scheduler = build_scheduler(
        optimizer, recipe.optimization, _steps_per_epoch(recipe, places, fabric)
    )
    module, wrapped = fabric.setup(learner, optimizer)
    return Run(fabric, recipe, places, options, module, wrapped, scheduler)


class Run:
    """A run in progress."""

    def __init__(
        self,
        fabric: Fabric,
        recipe: Recipe,
        places: list[Place],
        options: RunOptions,
        module: Any,
        optimizer: Any,
        scheduler: LambdaLR,
    ) -> None:
        self.fabric, self.recipe, self.places, self.options = fabric, recipe, places, options
        self.module, self.optimizer, self.scheduler = module, optimizer, scheduler
        self.augment = _augmentation(recipe, places)
        self.average = Average(self.learner.network, recipe.optimization.ema_decay)
        self.first_epoch = self._resume() if options.resume else 0

    def epochs(self) -> None:
        """Train from the first unfinished epoch to the last."""
        logs = SummaryWriter(str(self.options.out / "tensorboard")) if self._main else None
        for epoch in range(self.first_epoch, self.recipe.optimization.epochs):
            started = time.perf_counter()
            losses, pairs = self._epoch(epoch)
            seconds = time.perf_counter() - started
            self._save(epoch + 1)
            if logs is not None:
                line = {
                    "epoch": epoch + 1,
                    "loss": losses,
                    "lr": self.scheduler.get_last_lr()[0],
                    "pairs": pairs,
                    "seconds": round(seconds, 1),
                }
                with (self.options.out / "log.jsonl").open("a") as stream:
                    stream.write(json.dumps(line) + "\n")
                logs.add_scalar("loss", losses, epoch + 1)
                logs.add_scalar("pairs_per_s", pairs / seconds, epoch + 1)
        if logs is not None:
            logs.close()

    def export(self) -> Path:
        """Write OUT/weights.safetensors and its card; return its path."""
        path = self.options.out / "weights.safetensors"
        if self._main:
            card = {
                "recipe": self.recipe.to_dict(),
                "data_digest": data_digest(self.places),
                "places": len(self.places),
                "commit": git_commit(),
            }
            self.average.copy_into(self.learner.network)
            if self.recipe.objective.head_whitening == "pairs":
                whiten_heads(self.learner.network, self.places, workers=self.options.workers)
            fit_whitening(self.learner.network, self.places, workers=self.options.workers)
            save_checkpoint(path, self.learner.network, card)
        self.fabric.barrier()
        return path

    def _epoch(self, epoch: int) -> tuple[float, int]:
        """Train one epoch, seeded by (seed, epoch, rank); return mean loss and number of pairs."""
        recipe, fabric = self.recipe, self.fabric
        shared = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
        own = torch.Generator().manual_seed(
            (recipe.seed * 1_000_003 + epoch) * 4099 + 1 + fabric.global_rank
        )
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=own)))
        draws = draw_epoch(
            self.places,
            recipe.sampling,
            shared,
            fabric.global_rank,
            fabric.world_size,
            self._satellite_descriptors() if recipe.sampling.hard_negatives else None,
        )
        side = recipe.model.input_size
        decoded_side = side if recipe.images.augmentation == "paper" else 256
        dataset = PairDataset(self.places, draws, decoded_side)
        self.module.train()
        total = torch.zeros((), device=fabric.device)
        steps = 0
        for batch in self._batches(dataset, epoch):
            steps += 1
            total += self._step(batch, own, last=steps % recipe.optimization.accumulate == 0)
        return float(total) / max(steps, 1), steps * recipe.sampling.batch

    @torch.inference_mode()
    def _satellite_descriptors(self) -> Tensor:
        """Return current descriptors of the places' first satellite images: [N, D], on the CPU."""
        recipe, network = self.recipe, self.learner.network.eval()
        images = FileDataset([place.satellite[0] for place in self.places], recipe.model.input_size)
        loader = DataLoader(images, batch_size=EMBED_BATCH, num_workers=self.options.workers)
        steps = -(-len(images) // EMBED_BATCH)
        progress = Progress("hard negatives", steps, unit="batch", quiet=not self._main).over(
            loader
        )
        rows = []
        for pixels in progress:
            normal = normalise(
                unit_range(pixels.to(self.fabric.device)), recipe.model.normalisation
            )
            with self.fabric.autocast():
                rows.append(network.describe(normal, "satellite").cpu())
        return torch.cat(rows)

    def _batches(self, dataset: PairDataset, epoch: int) -> Iterator[Any]:
        recipe = self.recipe
        steps = len(dataset) // recipe.pairs_per_update * recipe.optimization.accumulate
        loader = islice(batches(dataset, recipe.sampling.batch, self.options.workers), steps)
        title = f"epoch {epoch + 1}/{recipe.optimization.epochs}"
        return Progress(title, steps, unit="step", quiet=not self._main).over(loader)

    def _step(self, batch: PairBatch, generator: torch.Generator, *, last: bool) -> Tensor:
        """Return the loss of a batch; the last batch of an accumulation updates the weights."""
        satellite, drone = unit_range(batch.satellite_N3SS), unit_range(batch.drone_N3SS)
        above, flown = self.augment(satellite, drone, batch.flat_N, generator)
        kind, device = self.recipe.model.normalisation, self.fabric.device
        with self.fabric.no_backward_sync(self.module, enabled=not last):
            loss = self.module(
                normalise(above.to(device), kind),
                normalise(flown.to(device), kind),
                batch.places_N.to(device),
            )
            self.fabric.backward(loss / self.recipe.optimization.accumulate)
        if last:
            self._update_weights()
        detached: Tensor = loss.detach()
        return detached

    def _update_weights(self) -> None:
        if self.recipe.optimization.max_grad_norm:
            self.fabric.clip_gradients(
                self.module, self.optimizer, max_norm=self.recipe.optimization.max_grad_norm
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.scheduler.step()
        self.average.update(self.learner.network)

    def _save(self, epochs_done: int) -> None:
        state = {
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "epochs_done": epochs_done,
            "recipe": json.dumps(self.recipe.to_dict(), sort_keys=True),
            "average": self.average.state,
        }
        last = self.options.out / "last.ckpt"
        if self._main:
            try:
                with atomic_file(last, one_writer=True) as partial:
                    torch.save(state, partial)
            except (OSError, RuntimeError) as error:
                raise RunError(
                    f"{last} cannot be written ({error}); free some space and use --resume: "
                    "the last good checkpoint is untouched"
                ) from error
        self.fabric.barrier()

    def _resume(self) -> int:
        last = self.options.out / "last.ckpt"
        if not last.is_file():
            return 0
        state = torch.load(last, map_location="cpu", weights_only=True)
        if _completed(state["recipe"]) != json.loads(json.dumps(self.recipe.to_dict())):
            raise RunError(
                f"{last} belongs to another recipe; "
                "give the same --recipe and --set, or another --out"
            )
        self.learner.load_state_dict(state["learner"], strict=True)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.average.state = state.get("average", {})
        return int(state["epochs_done"])

    @property
    def _main(self) -> bool:
        return bool(self.fabric.is_global_zero)

    @property
    def learner(self) -> Learner:
        """The module in training, unwrapped."""
        learner = self.module.module
        assert isinstance(learner, Learner)
        return learner


def _augmentation(recipe: Recipe, places: list[Place]) -> PaperAugmentation | StrongAugmentation:
    """Return the recipe's augmentation; palettes depend on the seed only."""
    side = recipe.model.input_size
    if recipe.images.augmentation == "paper":
        return PaperAugmentation(side)
    if recipe.images.appearance == "one-source":
        return StrongAugmentation(side, recipe.images.bad_weather)
    files = [file for place in places for file in (place.satellite[0], place.drone[0])]
    drawn = torch.Generator().manual_seed(recipe.seed)
    palettes = Palettes.read(files, recipe.images.palettes, drawn)
    return StrongAugmentation(
        side,
        recipe.images.bad_weather,
        Appearance(palettes=palettes),
        recipe.images.one_source_pairs,
    )


def git_commit() -> str:
    """Return the source tree's commit, or `unknown` outside of a repository."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"


def _check(recipe: Recipe, places: list[Place], options: RunOptions, fabric: Fabric) -> None:
    if _steps_per_epoch(recipe, places, fabric) < 1:
        raise RecipeError(
            f"{len(places)} places are too few for batches of {recipe.sampling.batch}; "
            "set a smaller batch"
        )
    if (options.out / "last.ckpt").exists() and not options.resume:
        raise RunError(f"{options.out} holds a run; use --resume, or another --out")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "recipe.json").write_text(json.dumps(recipe.to_dict(), indent=2) + "\n")
    except OSError as error:
        raise RunError(f"{options.out} cannot be written: {error}") from error


def _steps_per_epoch(recipe: Recipe, places: list[Place], fabric: Fabric) -> int:
    draws = draw_epoch(places, recipe.sampling, torch.Generator(), 0, fabric.world_size)
    return len(draws) // recipe.pairs_per_update


def _completed(saved: str) -> Any:
    """Return a saved recipe; settings that it does not have yet get those of the named recipe."""
    known: dict[str, Any] = json.loads(saved)
    defaults = json.loads(json.dumps(named_recipe(known["name"]).to_dict()))
    return {**defaults, **known, "model": {**defaults["model"], **known["model"]}}


def _processes() -> dict[str, Any]:
    """Return Fabric's devices: all GPUs, or as many CPU processes as torchrun started here."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if torch.cuda.is_available() or local == 1:
        return {"accelerator": "auto"}
    nodes = int(os.environ["WORLD_SIZE"]) // local
    return {"accelerator": "cpu", "strategy": "ddp", "devices": local, "num_nodes": nodes}


def _precision(recipe: Recipe) -> Any:
    if recipe.optimization.precision == "full":
        return "32-true"
    return "16-mixed" if torch.cuda.is_available() else "bf16-mixed"

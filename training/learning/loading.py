"""Batches of image pairs from places, decoded in worker processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.errors import ImageError
from model.images import open_image
from model.preprocessing import to_pixels
from training.data.places import Place
from training.errors import DataError
from training.learning.hard_negatives import similar_runs
from training.learning.recipe import Sampling

EMBED_BATCH = 32
"""Images per forward pass without gradients. Our choice: as fast as larger ones at 256 px."""


@dataclass(frozen=True)
class Draw:
    """One sample of an epoch: a place and the numbers of its satellite and drone images."""

    place: int
    satellite: int
    drone: int


def draw_epoch(
    places: list[Place],
    sampling: Sampling,
    generator: torch.Generator,
    rank: int = 0,
    ranks: int = 1,
    descriptors_ND: Tensor | None = None,
) -> list[Draw]:
    """Return an epoch's samples in order, in rounds of distinct places.

    Each place of a round comes `repeats` times in a row, with new images each time. Ranks get
    disjoint, equally large parts of every round.

    Args:
        places: the data.
        sampling: repeats, passes, weights, hard negatives.
        generator: source of random numbers; the same on all ranks.
        rank: this process of `ranks`.
        ranks: processes that share the epoch.
        descriptors_ND: the places' satellite descriptors [N, D], for hard negatives.
    """
    draws = []
    for numbers in _rounds(places, sampling, generator):
        if descriptors_ND is None:
            order = torch.randperm(len(numbers), generator=generator).tolist()
        else:
            order = similar_runs(descriptors_ND[numbers], sampling.hard_negatives, generator)
        share = len(numbers) // ranks
        picks = torch.rand((len(numbers), sampling.repeats, 2), generator=generator).tolist()
        own = slice(rank * share, (rank + 1) * share)
        for index, pick in zip(order[own], picks[own], strict=True):
            draws += [_draw(places, numbers[index], above, flown) for above, flown in pick]
    return draws


def _rounds(places: list[Place], sampling: Sampling, generator: torch.Generator) -> list[list[int]]:
    """Return rounds that each hold all places with flown images and an equal share of flat ones."""
    flat = [number for number, place in enumerate(places) if place.flat]
    flown = [number for number, place in enumerate(places) if not place.flat]
    weight = sampling.flight_weight if flown and flat else 1
    rounds = []
    for _ in range(sampling.passes):
        shuffled = [flat[i] for i in torch.randperm(len(flat), generator=generator).tolist()]
        rounds += [[*flown, *shuffled[part::weight]] for part in range(weight)]
    return rounds


def _draw(places: list[Place], number: int, above: float, flown: float) -> Draw:
    """Return a draw from two samples in [0, 1); a flat place takes another year if it has one."""
    place = places[number]
    first, others = int(above * len(place.satellite)), len(place.drone) - 1
    if place.flat and others:
        return Draw(number, first, (first + 1 + int(flown * others)) % len(place.drone))
    return Draw(number, first, int(flown * len(place.drone)))


class PairDataset(Dataset[tuple[Tensor, Tensor, int, bool]]):
    """Decoded pairs: satellite and drone uint8 [3, S, S], place number, whether flat."""

    def __init__(self, places: list[Place], draws: list[Draw], side: int) -> None:
        self.places, self.draws, self.side = places, draws, side

    def __len__(self) -> int:
        return len(self.draws)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int, bool]:
        draw = self.draws[index]
        place = self.places[draw.place]
        above = decode(place.satellite[draw.satellite], self.side)
        flown = decode(place.drone[draw.drone], self.side)
        return torch.from_numpy(above), torch.from_numpy(flown), draw.place, place.flat


class FileDataset(Dataset[Tensor]):
    """Decoded image files, uint8 [3, S, S]."""

    def __init__(self, files: Sequence[Path], side: int, decoded_side: int | None = None) -> None:
        self.files, self.side, self.decoded_side = files, side, decoded_side

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(decode(self.files[index], self.side, self.decoded_side))


def decode(
    file: Path, side: int, decoded_side: int | None = None
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the centre square of an image file: uint8 [3, side, side].

    Args:
        file: the image.
        side: length of the square's sides, px.
        decoded_side: length that a JPEG's sides keep at least when it is decoded; None: `side`.

    Raises:
        DataError: the file is missing or unreadable; names it.
    """
    try:
        image: Image.Image = open_image(file, min_side=decoded_side or side)
    except (ImageError, OSError) as error:
        raise DataError(f"{file}: {error}; repair or remove the file") from error
    return to_pixels(image, side)


def one_line(error: DataError) -> str:
    """Return the error's message without the trace that a worker process adds."""
    last = str(error).rstrip().splitlines()[-1]
    return last.removeprefix(f"{DataError.__module__}.{DataError.__qualname__}: ")


class PairBatch(NamedTuple):
    """Stacked pairs of N places, not yet augmented."""

    satellite_N3SS: Tensor
    """uint8."""
    drone_N3SS: Tensor
    """uint8."""
    places_N: Tensor
    """Place numbers, which are the classes of a classifier."""
    flat_N: Tensor
    """Whether a place has only overhead images of several years, bool."""


def batches(dataset: PairDataset, batch: int, workers: int) -> Iterator[PairBatch]:
    """Yield an epoch in batches.

    The last partial batch is skipped, as in the paper's code.
    """
    loader: DataLoader[tuple[Tensor, Tensor, int, bool]] = DataLoader(
        dataset, batch_size=batch, drop_last=True, num_workers=workers
    )
    try:
        for stacked in loader:
            yield PairBatch(*stacked)
    except DataError as error:
        raise DataError(one_line(error)) from None

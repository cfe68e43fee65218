"""From places to batches of decoded pairs, decoded in worker processes while the network works."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from model.errors import ImageError
from model.images import open_image
from model.preprocessing import to_pixels
from training.errors import DataError
from training.places import Place


@dataclass(frozen=True)
class Draw:
    """One sample of an epoch: which image of either view of which place."""

    place: int
    satellite: int
    drone: int


def draw_epoch(
    places: list[Place], repeats: int, generator: torch.Generator, rank: int = 0, ranks: int = 1
) -> list[Draw]:
    """An epoch's samples in order: places shuffled, each `repeats` times in a row.

    Ranks get disjoint places, and equally many. A flat place shows another year as its drone view
    where it has one.
    """
    order = torch.randperm(len(places), generator=generator).tolist()
    order = order[: len(order) // ranks * ranks]
    picks = torch.rand((len(order), repeats, 2), generator=generator).tolist()
    draws = []
    for index, place in list(enumerate(order))[rank::ranks]:
        for above, flown in picks[index]:
            satellites, drones = places[place].satellite, places[place].drone
            first = int(above * len(satellites))
            second = int(flown * len(drones))
            if places[place].flat and len(drones) > 1:
                second = (first + 1 + int(flown * (len(drones) - 1))) % len(drones)
            draws.append(Draw(place, first, second))
    return draws


class PairDataset(Dataset[tuple[Tensor, Tensor, int, bool]]):
    """Decoded pairs of an epoch: satellite and drone uint8 [3, S, S], place number, flat or not."""

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


def decode(file: Path, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The centre square of an image file: uint8 [3, side, side].

    Raises:
        DataError: the file is missing or unreadable; names it.
    """
    try:
        image: Image.Image = open_image(file, min_side=side)
    except (ImageError, OSError) as error:
        raise DataError(f"{file}: {error}; mend or remove the file") from error
    return to_pixels(image, side)


def batches(
    dataset: PairDataset, batch: int, workers: int
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Stacked pairs: satellite and drone uint8 [N, 3, S, S], place numbers [N], flat bool [N].

    The last partial batch is skipped, as in the paper's code.
    """
    loader: DataLoader[tuple[Tensor, Tensor, int, bool]] = DataLoader(
        dataset, batch_size=batch, drop_last=True, num_workers=workers
    )
    yield from loader

"""Whitens the descriptor by how the two views of a place differ.

Directions in which a head's embeddings of one place vary between drone and satellite say little
about the place, so they count less. Source: learned whitening (Mikolajczyk and Matas, 2007;
Radenović, Tolias and Chum, *Fine-tuning CNN image retrieval with no human annotation*, 2018,
Sec. 3.4). Our choice: the symmetric root, without a projection, for each head by itself. The result
is folded into the heads' own layers, so that it costs nothing.

Shapes: N pairs, S side, P heads, E embedding width.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from console.progress import Progress
from model.network import EmbeddingHead, SafeNet
from model.normalisation import normalise, unit_range
from training.data.places import Place
from training.learning.appearance import Appearance
from training.learning.augmentation import StrongAugmentation
from training.learning.loading import PairDataset, batches, draw_epoch
from training.learning.palettes import Palettes
from training.learning.recipe import Sampling

PAIRS = 2048
"""Number of pairs, where there are places enough. Our choice: 1,664 and 3,328 give the same scores
within half a point."""

MOST_ROUNDS = 16
"""Largest number of pairs of one place."""

SHRINKAGE = 0.2
"""Weight of the mean variance in the scatter matrix. Our choice: from 0.05 to 0.5 the development
set's mean changes by a point."""

BATCH = 32
_SEED = 0
_PALETTES = 400
_BAD_WEATHER, _ONE_SOURCE_PAIRS = 0.3, 0.35
_DECODED_PX = 256


def whiten_heads(network: SafeNet, places: Sequence[Place], *, workers: int = 0) -> None:
    """Fit the whitening to augmented pairs of the places and fold it into the network's heads.

    Raises:
        DataError: an image is unreadable.
    """
    training = network.training
    network.eval()
    satellite_NPE, drone_NPE = _embedded_pairs(network, list(places), workers)
    heads = [*network.part_heads, network.global_head]
    for index, head in enumerate(heads):
        assert isinstance(head, EmbeddingHead)
        views_2NE = (satellite_NPE[:, index], drone_NPE[:, index])
        fold(head, whitening(*views_2NE), torch.cat(views_2NE))
    network.train(training)


def whitening(satellite_NE: Tensor, drone_NE: Tensor) -> Tensor:
    """Return the inverse square root of the pairs' scatter, shrunk: float64 [E, E].

    Its mean squared singular value is 1, so that lengths stay about the same.

    Args:
        satellite_NE: one head's embeddings of satellite images, of any length.
        drone_NE: those of drone images of the same places.
    """
    difference_NE = functional.normalize(satellite_NE.double()) - functional.normalize(
        drone_NE.double()
    )
    scatter_EE = difference_NE.T @ difference_NE / len(difference_NE)
    mean = scatter_EE.diagonal().mean()
    variance_E, axes_EE = torch.linalg.eigh(scatter_EE)
    root_E = ((1 - SHRINKAGE) * variance_E + SHRINKAGE * mean).rsqrt()
    unit_E = root_E / root_E.square().mean().sqrt()
    whitened_EE: Tensor = axes_EE * unit_E @ axes_EE.T
    return whitened_EE


@torch.no_grad()
def fold(head: EmbeddingHead, matrix_EE: Tensor, embeddings_ME: Tensor) -> None:
    """Change a head so that its embedding is multiplied by a matrix.

    The statistics of batch normalization are set to those of `embeddings_ME`, the head's embeddings
    before, so that a later training starts where evaluation is.
    """
    norm, linear = head.norm, head.linear
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale_E = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight_EC = scale_E[:, None] * linear.weight.double()
    shift_E = scale_E * (linear.bias.double() - norm.running_mean.double()) + norm.bias.double()
    matrix_EE = matrix_EE.to(weight_EC.device)
    after_ME = embeddings_ME.double() @ matrix_EE.T
    variance_E, mean_E = torch.var_mean(after_ME, dim=0, correction=0)
    linear.weight.copy_(matrix_EE @ weight_EC)
    linear.bias.copy_(matrix_EE @ shift_E)
    norm.running_mean.copy_(mean_E)
    norm.running_var.copy_(variance_E)
    norm.weight.copy_((variance_E + norm.eps).sqrt())
    norm.bias.copy_(mean_E)


@torch.inference_mode()
def _embedded_pairs(network: SafeNet, places: list[Place], workers: int) -> tuple[Tensor, Tensor]:
    """Return the embeddings of both views of augmented pairs: [N, P, E] each."""
    device = network.global_head.linear.weight.device
    kind = network.config.normalisation
    satellite, drone = [], []
    for above_N3SS, flown_N3SS in _pairs(places, network.config.input_size, workers):
        satellite.append(network(normalise(above_N3SS.to(device), kind), "satellite"))
        drone.append(network(normalise(flown_N3SS.to(device), kind), "drone"))
    return torch.cat(satellite), torch.cat(drone)


def _pairs(places: list[Place], side: int, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of pairs that are augmented as if their views had different sources."""
    generator = torch.Generator().manual_seed(_SEED)
    files = [file for place in places for file in (place.satellite[0], place.drone[0])]
    augment = StrongAugmentation(
        side,
        _BAD_WEATHER,
        Appearance(palettes=Palettes.read(files, _PALETTES, generator)),
        _ONE_SOURCE_PAIRS,
    )
    batch = min(BATCH, len(places))
    rounds = min(-(-PAIRS // len(places)), MOST_ROUNDS)
    draws = draw_epoch(places, Sampling(batch=batch, repeats=1, passes=rounds), generator)
    dataset = PairDataset(places, draws[: max(PAIRS, batch)], _DECODED_PX)
    steps = len(dataset) // batch
    shown = Progress("whitening, pairs", steps, unit="batch")
    for pairs in shown.over(batches(dataset, batch, workers)):
        satellite, drone = unit_range(pairs.satellite_N3SS), unit_range(pairs.drone_N3SS)
        yield augment(satellite, drone, pairs.flat_N, generator)

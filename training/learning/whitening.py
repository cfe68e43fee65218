"""Fits the local features' whitening to the training images.

Shapes: N images, C channels, E features of a cell.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from console.progress import Progress
from model.local_features import cells
from model.network import SafeNet, View
from model.normalisation import normalise, unit_range
from training.data.places import Place
from training.learning.loading import FileDataset

IMAGES = 256
"""Largest number of images of each view. Our choice: they give 12,500 cells, ten times the number
of channels of EfficientNet's map."""

BATCH = 16

SMALLEST = 1e-6
"""Least variance of a component, as a share of the largest, that is divided by."""


@torch.inference_mode()
def fit_whitening(network: SafeNet, places: Sequence[Place], *, workers: int = 0) -> None:
    """Set mean and projection of `network.local` from the places' first images of both views.

    The projection holds the principal components of the map's cells, each divided by its standard
    deviation. Networks without local features are left as they are.

    Raises:
        DataError: an image is unreadable.
    """
    if network.local is None:
        return
    training = network.training
    network.eval()
    some = places[:: max(1, -(-len(places) // IMAGES))]
    views: tuple[tuple[View, list[Path]], ...] = (
        ("satellite", [place.satellite[0] for place in some]),
        ("drone", [place.drone[0] for place in some]),
    )
    device = network.local.mean_C.device
    channels = len(network.local.mean_C)
    sum_C = torch.zeros(channels, dtype=torch.float64)
    square_CC = torch.zeros(channels, channels, dtype=torch.float64)
    count = 0
    for view, files in views:
        images = FileDataset(files, network.config.input_size)
        loader = DataLoader(images, batch_size=BATCH, num_workers=workers)
        steps = -(-len(images) // BATCH)
        for pixels in Progress(f"whitening, {view}", steps, unit="batch").over(loader):
            normal = normalise(unit_range(pixels.to(device)), network.config.normalisation)
            cells_MC = cells(network.features(normal, view)[0]).flatten(0, 1).double().cpu()
            sum_C += cells_MC.sum(dim=0)
            square_CC += cells_MC.T @ cells_MC
            count += len(cells_MC)
    mean_C = sum_C / count
    variance_C, axes_CC = torch.linalg.eigh(square_CC / count - mean_C[:, None] * mean_C)
    width = network.config.local_dim
    variance_E = variance_C.flip(0)[:width].clamp(min=SMALLEST * float(variance_C[-1]))
    network.local.mean_C.copy_(mean_C)
    network.local.projection_CE.copy_(axes_CC.flip(1)[:, :width] / variance_E.sqrt())
    network.train(training)

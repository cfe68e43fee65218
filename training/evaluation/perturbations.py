"""Changes of query images for robustness studies: shift, rotation, flip.

Shapes: N images, S side.
"""

import torch
from torch import Tensor

from training.evaluation.embedding import Perturbation
from training.learning.warps import rotation, warp


def shifted(pad_px: int, of_side: int = 256) -> Perturbation:
    """Add `pad_px` black columns on the left of an image of side `of_side`, then crop it."""

    def apply(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        pad = round(pad_px * images_N3SS.shape[-1] / of_side)
        moved = torch.zeros_like(images_N3SS)
        moved[..., pad:] = images_N3SS[..., : images_N3SS.shape[-1] - pad]
        return moved

    return Perturbation(f"shift {pad_px}/{of_side}", apply)


def rotated(angle_deg: float) -> Perturbation:
    """Rotate about the centre, counter-clockwise, with black corners."""

    def apply(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        matrix = rotation(len(images_N3SS), angle_deg)
        return warp(images_N3SS, matrix, images_N3SS.shape[-1])

    return Perturbation(f"rotation {angle_deg:g}", apply)


def mirrored() -> Perturbation:
    """Mirror left and right: no place looks so, which bounds what the layout contributes."""
    return Perturbation("mirror", lambda images_N3SS, generator: images_N3SS.flip(3))

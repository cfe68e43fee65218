"""Changes of the query images that robustness studies measure: shift, rotation, flip.

Shapes: N images, S side.
"""

import torch
from torch import Tensor

from training.evaluation.embedding import Perturbation
from training.learning.warps import rotation, warp


def shifted(pad_px: int, of_side: int = 256) -> Perturbation:
    """`pad_px` black columns on the left of a picture of side `of_side`, cropped to size again."""

    def apply(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        pad = round(pad_px * images_N3SS.shape[-1] / of_side)
        moved = torch.zeros_like(images_N3SS)
        moved[..., pad:] = images_N3SS[..., : images_N3SS.shape[-1] - pad]
        return moved

    return Perturbation(f"shift {pad_px}/{of_side}", apply)


def rotated(angle_deg: float) -> Perturbation:
    """Turned about the centre, black corners; counter-clockwise as seen."""

    def apply(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        turns = rotation(len(images_N3SS), angle_deg)
        return warp(images_N3SS, turns, images_N3SS.shape[-1])

    return Perturbation(f"rotation {angle_deg:g}", apply)


def mirrored() -> Perturbation:
    """The picture's left and right exchanged: no place looks so, a bound on what shape tells."""
    return Perturbation("mirror", lambda images_N3SS, generator: images_N3SS.flip(3))

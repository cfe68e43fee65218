"""Augmentation of whole batches of pairs: warps, looks, colour, weather, blur and noise.

Shapes: N images, S side. Images are float32 in 0..1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.learning.appearance import Appearance
from training.learning.bad_weather import worsen_weather
from training.learning.warps import (
    FLAT_AS_FLOWN,
    FLOWN,
    SATELLITE,
    WarpRange,
    random_flip,
    random_homography,
    rotation,
    uniform,
    warp,
)


def jitter_colour(images_N3SS: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Return images with random brightness, contrast, saturation, gain, gamma and haze, in 0..1."""
    count = len(images_N3SS)

    def factor(spread: float) -> Tensor:
        return uniform(count, -spread * strength, spread * strength, generator).exp()

    grey_N1SS = images_N3SS.mean(dim=1, keepdim=True)
    mean_N111 = grey_N1SS.mean(dim=(2, 3), keepdim=True)
    images_N3SS = grey_N1SS + (images_N3SS - grey_N1SS) * factor(0.6)[:, None, None, None]
    images_N3SS = mean_N111 + (images_N3SS - mean_N111) * factor(0.45)[:, None, None, None]
    gain_N3 = torch.stack([factor(0.18) for _ in range(3)], dim=1) * factor(0.4)[:, None]
    images_N3SS = (images_N3SS * gain_N3[:, :, None, None]).clamp(1e-4, 1)
    images_N3SS = images_N3SS ** factor(0.35)[:, None, None, None]
    haze_N111 = uniform(count, 0, 0.25 * strength, generator)[:, None, None, None]
    return images_N3SS * (1 - haze_N111) + 0.8 * haze_N111


def blur_and_noise(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with sensor noise; half of them lose resolution by a factor of up to 3."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    factor = 1.0 + 2.0 * float(torch.rand((), generator=generator))
    small = functional.interpolate(
        images_N3SS, size=round(side / factor), mode="bilinear", antialias=True
    )
    coarse = functional.interpolate(small, size=side, mode="bilinear")
    chosen_N111 = (torch.rand(count, generator=generator) < 0.5)[:, None, None, None]
    noise = torch.randn(images_N3SS.shape, generator=generator)
    level_N111 = uniform(count, 0, 0.04, generator)[:, None, None, None]
    return (torch.where(chosen_N111, coarse, images_N3SS) + noise * level_N111).clamp(0, 1)


def drop_patches(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images of which half have a tenth of an 8 x 8 grid replaced by grey (dropout)."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    drop_N88 = torch.rand((count, 1, 8, 8), generator=generator) < 0.1
    drop_N88 &= (torch.rand(count, generator=generator) < 0.5)[:, None, None, None]
    mask = functional.interpolate(drop_N88.float(), size=side, mode="nearest") > 0
    return images_N3SS.masked_fill(mask, 0.5)


@dataclass(frozen=True)
class PaperAugmentation:
    """Random flips; satellite images are rotated by up to 90 degrees. Source: the authors' code."""

    side: int

    def __call__(
        self,
        satellite_N3SS: Tensor,
        drone_N3SS: Tensor,
        flat_N: Tensor,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Return the augmented views, each flipped independently."""
        count = len(satellite_N3SS)
        rotated = random_homography(count, WarpRange(yaw_deg=90.0), generator)
        satellite = warp(satellite_N3SS, rotated @ random_flip(count, generator), self.side)
        return satellite, warp(drone_N3SS, random_flip(count, generator), self.side)


@dataclass(frozen=True)
class StrongAugmentation:
    """Any yaw, zoom, tilt and shift, colour, weather, blur, noise and dropout.

    A pair is flipped in both views or in none. Our choice: the warps are wide enough for flat
    overhead imagery to stand in for flights.
    """

    side: int
    bad_weather: float = 0.5
    """Share of the drone views in bad weather."""
    appearance: Appearance | None = None
    """Changes each view of a pair as if both came from different providers; None: leave them."""
    one_source_pairs: float = 0.0
    """Share of the pairs that `appearance` leaves as they are."""

    def __call__(
        self,
        satellite_N3SS: Tensor,
        drone_N3SS: Tensor,
        flat_N: Tensor,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Return the augmented views."""
        count = len(satellite_N3SS)
        flip_N33 = random_flip(count, generator)
        quarter_N33 = torch.stack([rotation(1, 90.0 * quarter)[0] for quarter in range(4)])
        quarters_N = torch.randint(0, 4, (count,), generator=generator)
        above_N33 = flip_N33 @ quarter_N33[quarters_N]
        above_N33 = above_N33 @ random_homography(count, SATELLITE, generator)
        flown_N33 = torch.where(
            flat_N[:, None, None],
            random_homography(count, FLAT_AS_FLOWN, generator),
            random_homography(count, FLOWN, generator),
        )
        padding = "reflection" if float(torch.rand((), generator=generator)) < 0.5 else "zeros"
        satellite = warp(satellite_N3SS, above_N33, self.side, "reflection")
        drone = warp(drone_N3SS, flip_N33 @ flown_N33, self.side, padding)
        strength = 1.0
        if self.appearance is not None:
            strength = 0.6  # the appearance changes colours already
            left_N = torch.rand(count, generator=generator) < self.one_source_pairs
            rows = torch.nonzero(~left_N)[:, 0]
            satellite[rows] = self.appearance(satellite[rows], generator)
            drone[rows] = self.appearance(drone[rows], generator)
        satellite = jitter_colour(satellite, 0.7 * strength, generator)
        satellite = blur_and_noise(satellite, generator)
        drone = jitter_colour(drone, strength, generator)
        drone = worsen_weather(drone, self.bad_weather, generator)
        drone = blur_and_noise(drone, generator)
        if self.appearance is not None:
            satellite = self.appearance.published(satellite, generator)
            drone = self.appearance.published(drone, generator)
        return satellite, drop_patches(drone, generator)

"""Augmentation of a batch as if its images came from other providers.

Each view of a pair gets a palette, season, sun, sensor and web compression of its own, and changed
patches of ground. Positions in the image stay the same.

Shapes: N images, S side. Images are float32 [N, 3, S, S] in 0..1, and so are all results.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.learning.palettes import (
    LOW,
    Palettes,
    smooth_field,
    with_amplitudes,
    with_tones,
    within,
)
from training.learning.warps import rotation, uniform, warp

_LUMINANCE = torch.tensor((0.299, 0.587, 0.114))
_BLOCK = 8
_MIDDLE = 128 / 255
_LUMA_STEPS = torch.tensor(
    (
        (16, 11, 10, 16, 24, 40, 51, 61),
        (12, 12, 14, 19, 26, 58, 60, 55),
        (14, 13, 16, 24, 40, 57, 69, 56),
        (14, 17, 22, 29, 51, 87, 80, 62),
        (18, 22, 37, 56, 68, 109, 103, 77),
        (24, 35, 55, 64, 81, 104, 113, 92),
        (49, 64, 78, 87, 103, 121, 120, 101),
        (72, 92, 95, 98, 112, 100, 103, 99),
    )
)
"""ITU-T T.81 (JPEG), table K.1."""


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """Draws the appearance of each image.

    Our choice: about one image in ten keeps its own palette, season and sun, so that training still
    has pairs of one source.
    """

    palettes: Palettes
    season_share: float = 0.55
    sun_share: float = 0.35
    palette_share: float = 0.6
    amplitude_share: float = 0.45
    sharpen_share: float = 0.4
    jpeg_share: float = 0.5
    change_share: float = 0.4

    def __call__(self, images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images with new appearances, before the sensor's colours and blur."""
        count = len(images_N3SS)

        def by_chance(share: float) -> Tensor:
            return torch.nonzero(torch.rand(count, generator=generator) < share)[:, 0]

        looks = images_N3SS.clone()
        for share, change in (
            (self.change_share, changed_ground),
            (self.season_share, another_season),
            (self.sun_share, another_sun),
            (self.palette_share, self._palette),
            (self.amplitude_share, self._amplitudes),
        ):
            rows = by_chance(share)
            if len(rows):
                looks[rows] = change(looks[rows], generator).clamp(0, 1)
        return looks

    def published(self, images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images as a map service or a camera stores them: sharpened, compressed."""
        count = len(images_N3SS)
        stored = images_N3SS.clone()
        for share, change in ((self.sharpen_share, sharpened), (self.jpeg_share, compressed)):
            rows = torch.nonzero(torch.rand(count, generator=generator) < share)[:, 0]
            if len(rows):
                stored[rows] = change(stored[rows], generator).clamp(0, 1)
        return stored

    def _drawn(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(len(self.palettes), (count,), generator=generator)

    def _palette(self, images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        """Return images with another image's histogram, half of them with a second in places."""
        count, side = len(images_N3SS), images_N3SS.shape[-1]
        tones_P3Q = self.palettes.quantiles_P3Q
        first, second = (
            with_tones(images_N3SS, tones_P3Q[self._drawn(count, generator)]) for _ in range(2)
        )
        region_N1SS = (4 * smooth_field(count, 4, side, generator) - 1.5).clamp(0, 1)
        region_N1SS *= column(torch.rand(count, generator=generator) < 0.5)
        wanted_N3SS = first.lerp(second, region_N1SS)
        return images_N3SS.lerp(wanted_N3SS, column(uniform(count, 0.25, 0.85, generator)))

    def _amplitudes(self, images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        count = len(images_N3SS)
        wanted_N3FF = self.palettes.amplitudes_P3FF[self._drawn(count, generator)]
        radius_N = torch.randint(0, LOW + 1, (count,), generator=generator)
        share_N = uniform(count, 0.3, 1.0, generator)
        weight_NFF = within(radius_N) * share_N[:, None, None]
        return with_amplitudes(images_N3SS, wanted_N3FF, weight_NFF)


def column(values_N: Tensor) -> Tensor:
    """Return one value per image as [N, 1, 1, 1]."""
    return values_N[:, None, None, None]


def luminance(images_N3SS: Tensor) -> Tensor:
    """Return brightness [N, 1, S, S] (ITU-R BT.601)."""
    return (images_N3SS * _LUMINANCE[:, None, None]).sum(dim=1, keepdim=True)


def vegetation(images_N3SS: Tensor) -> Tensor:
    """Return how green each pixel is, 0..1, [N, 1, S, S]: the excess-green index, softly cut.

    Source: Woebbecke et al., Color indices for weed identification, 1995; the cut is our choice.
    """
    total_N1SS = images_N3SS.sum(dim=1, keepdim=True).clamp(min=1e-3)
    excess_N1SS = 3 * images_N3SS[:, 1:2] / total_N1SS - 1
    return (excess_N1SS / 0.12).clamp(0, 1)


SEASONS = (
    (0.62, 1.15, 0.45),  # lush
    (1.25, 1.05, 0.62),  # dry grass
    (1.15, 0.95, 0.75),  # autumn, brown
    (1.05, 1.0, 0.92),  # bare, grey
    (0.9, 1.1, 0.8),  # pale green
)
"""Red, green and blue of vegetation relative to its brightness. Our choice."""


def another_season(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with vegetation of another season; one image in eight under snow."""
    count = len(images_N3SS)
    tint_N3 = torch.tensor(SEASONS)[torch.randint(len(SEASONS), (count,), generator=generator)]
    tint_N3 = tint_N3 * uniform(count, 0.65, 1.5, generator)[:, None]
    share_N111 = column(uniform(count, 0.5, 1.0, generator))
    light_N1SS = luminance(images_N3SS)
    green_N1SS = vegetation(images_N3SS) * share_N111
    turned_N3SS = images_N3SS.lerp(light_N1SS * tint_N3[:, :, None, None], green_N1SS)
    # Snow lies on open ground; what is dark (crowns, walls, water, shadow) stays.
    open_N1SS = ((luminance(turned_N3SS) - 0.25) / 0.15).clamp(0, 1)
    snowy_N111 = column(torch.rand(count, generator=generator) < 0.125).float()
    cover_N1SS = open_N1SS * snowy_N111 * column(uniform(count, 0.4, 0.9, generator))
    return turned_N3SS.lerp((0.75 + 0.25 * light_N1SS).expand_as(turned_N3SS), cover_N1SS)


def another_sun(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with brightened shadows, and new ones some pixels away; no true geometry."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    light_N1SS = luminance(images_N3SS)
    mean_N111 = light_N1SS.mean(dim=(1, 2, 3), keepdim=True)
    dark_N1SS = ((0.62 * mean_N111 - light_N1SS) / (0.25 * mean_N111 + 1e-3)).clamp(0, 1)
    dark_N1SS = functional.avg_pool2d(dark_N1SS, 3, 1, 1)
    towards_N = uniform(count, 0, 2 * math.pi, generator)
    reach_N = uniform(count, 0.02, 0.08, generator)
    moved_N33 = rotation(count, 0.0)
    moved_N33[:, 0, 2], moved_N33[:, 1, 2] = reach_N * towards_N.cos(), reach_N * towards_N.sin()
    laid_N1SS = warp(dark_N1SS, moved_N33, side)
    lifted_N3SS = images_N3SS * (1 + dark_N1SS * column(uniform(count, 0.2, 1.2, generator)))
    return lifted_N3SS * (1 - laid_N1SS * column(uniform(count, 0.0, 0.6, generator)))


def changed_ground(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with up to a tenth of a 12 x 12 grid from another image, as if rebuilt."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    share_N111 = column(uniform(count, 0.02, 0.1, generator))
    new_N1CC = (torch.rand((count, 1, 12, 12), generator=generator) < share_N111).float()
    new_N1SS = functional.interpolate(new_N1CC, size=side, mode="nearest")
    return images_N3SS.lerp(images_N3SS.roll(1, dims=0), new_N1SS)


def sharpened(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images after an unsharp mask as in web maps: halos of one to two pixels."""
    soft_N3SS = functional.avg_pool2d(images_N3SS, 3, 1, 1, count_include_pad=False)
    strength_N111 = column(uniform(len(images_N3SS), 0.3, 1.6, generator))
    return images_N3SS + strength_N111 * (images_N3SS - soft_N3SS)


def compressed(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with JPEG's losses at a quality of 20 to 80: rounded 8 x 8 cosine transforms.

    Source: ITU-T T.81; brightness and both colour differences take the table of brightness.
    """
    quality_N = uniform(len(images_N3SS), 20, 80, generator)
    scale_N = torch.where(quality_N < 50, 50 / quality_N, 2 - quality_N / 50)
    return quantised(images_N3SS, scale_N)


def quantised(images_N3SS: Tensor, scale_N: Tensor) -> Tensor:
    """Return images after JPEG's rounding with its table of brightness times `scale_N`."""
    count, _, height, width = images_N3SS.shape
    pad = (0, -width % _BLOCK, 0, -height % _BLOCK)
    padded = functional.pad(images_N3SS, pad, mode="replicate") if any(pad) else images_N3SS
    light_N1SS = luminance(padded)
    planes = torch.cat(
        (light_N1SS - _MIDDLE, padded[:, :1] - light_N1SS, padded[:, 2:] - light_N1SS), dim=1
    )
    rows, columns = planes.shape[2] // _BLOCK, planes.shape[3] // _BLOCK
    blocks = planes.view(count, 3, rows, _BLOCK, columns, _BLOCK).transpose(3, 4)
    basis = cosine_basis()
    waves = basis @ blocks @ basis.T
    step = (_LUMA_STEPS * scale_N[:, None, None]).round().clamp(min=1) / 255.0
    step = step[:, None, None, None]
    blocks = basis.T @ ((waves / step).round() * step) @ basis
    planes = blocks.transpose(3, 4).reshape(planes.shape)[:, :, :height, :width]
    light = planes[:, :1] + _MIDDLE
    red, blue = light + planes[:, 1:2], light + planes[:, 2:]
    weight_red, weight_green, weight_blue = _LUMINANCE.tolist()
    green = (light - weight_red * red - weight_blue * blue) / weight_green
    return torch.cat((red, green, blue), dim=1)


def cosine_basis() -> Tensor:
    """Return the orthonormal cosine transform of 8 values, [8, 8]."""
    wave_81 = torch.arange(_BLOCK)[:, None]
    at_8 = torch.arange(_BLOCK) + 0.5
    basis = (math.pi / _BLOCK * wave_81 * at_8).cos() * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return basis

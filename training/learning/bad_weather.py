"""Bad weather on whole batches of training images, without a loop over images.

Shapes: N images, S side. Images are float32 in 0..1.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from training.learning.warps import uniform


def worsen_weather(images_N3SS: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return images of which a share has random snow, rain, flakes, wind, fog, dusk or glare.

    Our choice: the ranges include those of `training.evaluation.weather` and more. The code is
    separate, so that an evaluation does not score weather made by the functions of training.
    Rendered views have weather by true distances (`training.world.rendering.weather`).
    """
    rows = torch.nonzero(torch.rand(len(images_N3SS), generator=generator) < share)[:, 0]
    worse_N3SS = images_N3SS.clone()
    if len(rows):
        worse_N3SS[rows] = _worse(images_N3SS[rows], generator)
    return worse_N3SS


def _column(values_N: Tensor) -> Tensor:
    return values_N[:, None, None, None]


def _worse(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    count = len(images_N3SS)

    def random_rows(share: float) -> Tensor:
        return _column(torch.rand(count, generator=generator) < share)

    rain_N111, snow_N111 = random_rows(0.45), random_rows(0.45)
    images_N3SS = torch.where(snow_N111, snow_cover(images_N3SS, generator), images_N3SS)
    blurred_N3SS = motion_blur(images_N3SS, 15, generator)
    images_N3SS = torch.where(random_rows(0.25), blurred_N3SS, images_N3SS)
    images_N3SS = torch.where(random_rows(0.35), fog(images_N3SS, generator), images_N3SS)
    images_N3SS = torch.where(rain_N111, rain(images_N3SS, generator), images_N3SS)
    images_N3SS = torch.where(snow_N111, flakes(images_N3SS, generator), images_N3SS)
    gain_N111 = _column(uniform(count, 0.35, 0.8, generator))
    dusk_N3SS = images_N3SS * gain_N111 - _column(uniform(count, 0.0, 0.06, generator))
    images_N3SS = torch.where(random_rows(0.3), dusk_N3SS, images_N3SS)
    gain_N111 = _column(uniform(count, 1.1, 1.7, generator))
    glare_N3SS = images_N3SS * gain_N111 + _column(uniform(count, 0.0, 0.12, generator))
    return torch.where(random_rows(0.25) & ~snow_N111, glare_N3SS, images_N3SS).clamp(0, 1)


def fog(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images behind an uneven veil of 20 to 80 percent."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    banks_N155 = torch.rand((count, 1, 5, 5), generator=generator)
    banks_N1SS = functional.interpolate(banks_N155, size=side, mode="bilinear")
    veil_N1SS = _column(uniform(count, 0.2, 0.6, generator)) + 0.25 * (banks_N1SS - 0.2)
    tone_N111 = _column(uniform(count, 0.7, 0.95, generator))
    return images_N3SS + veil_N1SS.clamp(0, 0.8) * (tone_N111 - images_N3SS)


def rain(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return softened, darker images with parallel streaks on up to a quarter of the pixels."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    length_px = (7, 11, 15, 21)[int(torch.randint(4, (), generator=generator))]
    drops_N1SS = torch.rand((count, 1, side, side), generator=generator)
    seeds_N1SS = (drops_N1SS < _column(uniform(count, 0.002, 0.014, generator))).float()
    streaks_N1SS = (motion_blur(seeds_N1SS, length_px, generator) * length_px).clamp(max=1)
    soft_N3SS = functional.avg_pool2d(images_N3SS, 3, 1, 1, count_include_pad=False)
    dimmed_N3SS = soft_N3SS * _column(uniform(count, 0.6, 1.0, generator))
    opacity_N111 = _column(uniform(count, 0.3, 1.0, generator))
    tone_N111 = _column(uniform(count, 0.65, 0.95, generator))
    return dimmed_N3SS + opacity_N111 * streaks_N1SS * (tone_N111 - dimmed_N3SS)


def snow_cover(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with snow: dark tones brightened, as in kornia, or bright tones whitened."""
    count = len(images_N3SS)
    light_N1SS = images_N3SS.amax(dim=1, keepdim=True) + images_N3SS.amin(dim=1, keepdim=True)
    light_N1SS = light_N1SS / 2
    border_N111 = _column(uniform(count, 0.35, 0.65, generator))
    lift_N111 = _column(uniform(count, 1.3, 2.2, generator))
    lifted_N3SS = torch.where(light_N1SS < border_N111, images_N3SS * lift_N111, images_N3SS)
    white_N1SS = (4.0 * (light_N1SS - border_N111 + 0.2)).clamp(0, 1)
    white_N1SS = white_N1SS * _column(uniform(count, 0.3, 0.9, generator))
    whitened_N3SS = images_N3SS + white_N1SS * (0.95 - images_N3SS)
    is_lifted_N111 = _column(torch.rand(count, generator=generator) < 0.6)
    return torch.where(is_lifted_N111, lifted_N3SS, whitened_N3SS).clamp(0, 1)


def flakes(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with white dots of 1 to 5 pixels."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    width_px = (1, 3, 3, 5)[int(torch.randint(4, (), generator=generator))]
    seeds_N1SS = torch.rand((count, 1, side, side), generator=generator)
    seeds_N1SS = (seeds_N1SS < _column(uniform(count, 0.001, 0.008, generator))).float()
    dots_N1SS = functional.max_pool2d(seeds_N1SS, width_px, stride=1, padding=width_px // 2)
    opacity_N111 = _column(uniform(count, 0.6, 1.0, generator))
    return images_N3SS + opacity_N111 * dots_N1SS * (0.96 - images_N3SS)


def motion_blur(images_NCSS: Tensor, length_px: int, generator: torch.Generator) -> Tensor:
    """Return images blurred along a random direction each, by an odd length; edges are mirrored."""
    assert length_px % 2
    count = len(images_NCSS)
    angle_N = uniform(count, 0.0, math.pi, generator)
    offset_L = torch.arange(length_px) - length_px // 2
    row_NL = (offset_L * angle_N.sin()[:, None]).round().long() + length_px // 2
    column_NL = (offset_L * angle_N.cos()[:, None]).round().long() + length_px // 2
    kernel_NLL = torch.zeros(count, length_px, length_px)
    kernel_NLL[torch.arange(count)[:, None], row_NL, column_NL] = 1.0
    kernel_NLL /= kernel_NLL.sum(dim=(1, 2), keepdim=True)
    edge = length_px // 2
    padded_NCSS = functional.pad(images_NCSS, (edge, edge, edge, edge), mode="reflect")
    padded_CNSS = padded_NCSS.transpose(0, 1)  # images as groups: each has a kernel of its own
    smeared_CNSS: Tensor = functional.conv2d(padded_CNSS, kernel_NLL[:, None], groups=count)
    return smeared_CNSS.transpose(0, 1)

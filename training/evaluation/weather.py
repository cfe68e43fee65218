"""The ten weathers of University-WX on drone images. Source: facts of the benchmark; MuSe-Net.

Rain, snow and wind are kornia's (Apache-2.0, maintained, batched, on any device); albumentations is
archived and its successor is AGPL. Fog, darkness and over-exposure are one line of arithmetic each.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from training.evaluation.embedding import Perturbation

Weather = Callable[[Tensor, torch.Generator], Tensor]

FOG_CELLS = 6
"""Side of the grid of fog densities. Our choice: fog is in banks, not an even veil."""


def fog(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images behind a white, uneven veil of 45 to 75 percent."""
    side = images_N3SS.shape[-1]
    coarse = torch.rand((len(images_N3SS), 1, FOG_CELLS, FOG_CELLS), generator=generator)
    veil = 0.45 + 0.3 * functional.interpolate(coarse, size=side, mode="bicubic").clamp(0, 1)
    return images_N3SS * (1 - veil) + 0.9 * veil


def rain(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with kornia's rain streaks, darker and slightly blurred."""
    from kornia.augmentation import RandomRain

    side = images_N3SS.shape[-1]
    drops = RandomRain(
        p=1.0,
        number_of_drops=(side * 2, side * 3),
        drop_height=(max(side // 20, 4), max(side // 10, 6)),
        drop_width=(-max(side // 64, 1), max(side // 64, 1)),
    )
    softened = functional.avg_pool2d(images_N3SS, 3, stride=1, padding=1, count_include_pad=False)
    return _seeded(drops, softened * 0.8, generator)


def snow(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with kornia's snow cover on bright ground, and falling flakes."""
    from kornia.augmentation import RandomSnow

    cover = RandomSnow(p=1.0, snow_coefficient=(0.4, 0.6), brightness=(1.5, 2.0))
    covered = _seeded(cover, images_N3SS, generator).clamp(0, 1)
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    flakes = (torch.rand((count, 1, side, side), generator=generator) < 0.004).float()
    return torch.maximum(covered, functional.max_pool2d(flakes, 3, stride=1, padding=1) * 0.95)


def dark(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images darkened to 0.4 x - 15 of 255."""
    return images_N3SS * 0.4 - 15 / 255


def over_exposed(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images brightened to 1.6 x + 0 to 30 of 255."""
    lift_N111 = torch.rand((len(images_N3SS), 1, 1, 1), generator=generator) * 30 / 255
    return images_N3SS * 1.6 + lift_N111


def wind(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with motion blur over 15 px in a random direction."""
    from kornia.augmentation import RandomMotionBlur

    return _seeded(RandomMotionBlur(15, (0.0, 360.0), (0.0, 0.0), p=1.0), images_N3SS, generator)


def both(first: Weather, second: Weather) -> Weather:
    """Return a weather that applies two after each other."""

    def apply(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        return second(first(images_N3SS, generator).clamp(0, 1), generator)

    return apply


def _seeded(
    augment: Weather | torch.nn.Module, images: Tensor, generator: torch.Generator
) -> Tensor:
    """Run kornia, which draws from torch's global generator, from a seed; then restore that one."""
    seed = int(torch.randint(2**62, (1,), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        result: Tensor = augment(images)  # type: ignore[call-arg]
    return result


_WEATHERS: dict[str, Weather | None] = {
    "normal": None,
    "fog": fog,
    "rain": rain,
    "snow": snow,
    "fog+rain": both(fog, rain),
    "fog+snow": both(fog, snow),
    "rain+snow": both(rain, snow),
    "dark": dark,
    "over-exposure": over_exposed,
    "wind": wind,
}


def weathers() -> dict[str, Perturbation | None]:
    """Return the ten conditions in the benchmark's order; `normal` changes nothing."""
    return {
        name: None if weather is None else Perturbation(name, _clamped(weather))
        for name, weather in _WEATHERS.items()
    }


def _clamped(weather: Weather) -> Weather:
    def apply(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
        return weather(images_N3SS, generator).clamp(0, 1)

    return apply

"""Augmentation of whole batches at once: warps and colour, without a loop over images.

Shapes: N images, S side. Images are float32 in 0..1. A warp is a homography [N, 3, 3] from output
to input coordinates, both in [-1, 1] with x to the right and y down.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class WarpRange:
    """How far a random warp may go."""

    yaw_deg: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    """Side of the seen area as a share of the image's, log-uniform."""
    shift: float = 0.0
    """Of the centre, as a share of the half side."""
    tilt: float = 0.0
    """Largest perspective coefficient: 0.4 makes the far edge 2.3 times the near one."""


SATELLITE = WarpRange(yaw_deg=8.0, zoom=(0.6, 1.0), shift=0.1)
"""A tile that shows less than the drone sees, as often as the other way round."""
FLOWN = WarpRange(yaw_deg=180.0, zoom=(0.8, 1.2), shift=0.15, tilt=0.1)
"""For drone images that already hold a perspective."""
FLAT_AS_FLOWN = WarpRange(yaw_deg=180.0, zoom=(0.45, 1.15), shift=0.35, tilt=0.4)
"""For overhead images that stand in for drone images."""


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """`count` samples in [low, high)."""
    return low + (high - low) * torch.rand(count, generator=generator)


def random_homography(count: int, bounds: WarpRange, generator: torch.Generator) -> Tensor:
    """Random warps [N, 3, 3]: perspective, then zoom and yaw, then shift."""
    yaw_N = torch.deg2rad(uniform(count, -bounds.yaw_deg, bounds.yaw_deg, generator))
    low, high = (math.log(value) for value in bounds.zoom)
    zoom_N = uniform(count, low, high, generator).exp()
    matrix_N33 = torch.eye(3).repeat(count, 1, 1)
    matrix_N33[:, 0, 0] = matrix_N33[:, 1, 1] = zoom_N * yaw_N.cos()
    matrix_N33[:, 1, 0] = zoom_N * yaw_N.sin()
    matrix_N33[:, 0, 1] = -matrix_N33[:, 1, 0]
    for axis in (0, 1):
        matrix_N33[:, axis, 2] = uniform(count, -bounds.shift, bounds.shift, generator)
    perspective_N33 = torch.eye(3).repeat(count, 1, 1)
    tilt_N = uniform(count, 0.0, bounds.tilt, generator)
    towards_N = uniform(count, 0.0, 2 * math.pi, generator)
    perspective_N33[:, 2, 0] = tilt_N * towards_N.cos()
    perspective_N33[:, 2, 1] = tilt_N * towards_N.sin()
    return matrix_N33 @ perspective_N33


def random_flip(count: int, generator: torch.Generator) -> Tensor:
    """A horizontal flip for half of the images, the identity for the others: [N, 3, 3]."""
    flip_N33 = torch.eye(3).repeat(count, 1, 1)
    flip_N33[:, 0, 0] -= 2.0 * (torch.rand(count, generator=generator) < 0.5)
    return flip_N33


def rotation(count: int, angle_deg: float) -> Tensor:
    """The same turn for all: [N, 3, 3]."""
    matrix_N33 = torch.eye(3).repeat(count, 1, 1)
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    matrix_N33[:, 0, 0] = matrix_N33[:, 1, 1] = cosine
    matrix_N33[:, 1, 0], matrix_N33[:, 0, 1] = sine, -sine
    return matrix_N33


def warp(images_N3SS: Tensor, matrix_N33: Tensor, side: int, padding: str = "zeros") -> Tensor:
    """Resample through homographies: float32 [N, 3, side, side], bilinear."""
    axis_S = (torch.arange(side) + 0.5) * 2 / side - 1
    y_SS, x_SS = torch.meshgrid(axis_S, axis_S, indexing="ij")
    points_3L = torch.stack((x_SS, y_SS, torch.ones_like(x_SS))).flatten(1)
    mapped_N3L = matrix_N33 @ points_3L
    grid_N2L = mapped_N3L[:, :2] / mapped_N3L[:, 2:].clamp(min=1e-3)
    grid_NSS2 = grid_N2L.transpose(1, 2).reshape(-1, side, side, 2)
    return functional.grid_sample(
        images_N3SS, grid_NSS2, mode="bilinear", padding_mode=padding, align_corners=False
    )


def jitter_colour(images_N3SS: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation, per-channel gain, gamma and haze; stays in 0..1."""
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
    """Half of the images lose resolution by up to 3; all get a little sensor noise."""
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
    """Coarse dropout: in half of the images about a tenth of an 8 x 8 grid turns grey."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    drop_N88 = torch.rand((count, 1, 8, 8), generator=generator) < 0.1
    drop_N88 &= (torch.rand(count, generator=generator) < 0.5)[:, None, None, None]
    mask = functional.interpolate(drop_N88.float(), size=side, mode="nearest") > 0
    return images_N3SS.masked_fill(mask, 0.5)


def worsen_weather(images_N3SS: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A share of the images: snow cover, rain, flakes, wind, fog, dusk or glare, each by chance.

    Ours: ranges that hold the studies' weathers (`weather.py`) and more, none of their code.
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

    def by_chance(share: float) -> Tensor:
        return _column(torch.rand(count, generator=generator) < share)

    rain_N111, snow_N111 = by_chance(0.45), by_chance(0.45)
    images_N3SS = torch.where(snow_N111, snow_cover(images_N3SS, generator), images_N3SS)
    moved_N3SS = motion_blur(images_N3SS, 15, generator)
    images_N3SS = torch.where(by_chance(0.25), moved_N3SS, images_N3SS)
    images_N3SS = torch.where(by_chance(0.35), fog(images_N3SS, generator), images_N3SS)
    images_N3SS = torch.where(rain_N111, rain(images_N3SS, generator), images_N3SS)
    images_N3SS = torch.where(snow_N111, flakes(images_N3SS, generator), images_N3SS)
    gain_N111 = _column(uniform(count, 0.35, 0.8, generator))
    dusk_N3SS = images_N3SS * gain_N111 - _column(uniform(count, 0.0, 0.06, generator))
    images_N3SS = torch.where(by_chance(0.3), dusk_N3SS, images_N3SS)
    gain_N111 = _column(uniform(count, 1.1, 1.7, generator))
    glare_N3SS = images_N3SS * gain_N111 + _column(uniform(count, 0.0, 0.12, generator))
    return torch.where(by_chance(0.25) & ~snow_N111, glare_N3SS, images_N3SS).clamp(0, 1)


def fog(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """An uneven veil of 20 to 80 percent."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    banks_N155 = torch.rand((count, 1, 5, 5), generator=generator)
    banks_N1SS = functional.interpolate(banks_N155, size=side, mode="bilinear")
    veil_N1SS = _column(uniform(count, 0.2, 0.6, generator)) + 0.25 * (banks_N1SS - 0.2)
    tone_N111 = _column(uniform(count, 0.7, 0.95, generator))
    return images_N3SS + veil_N1SS.clamp(0, 0.8) * (tone_N111 - images_N3SS)


def rain(images_N3SS: Tensor, generator: torch.Generator) -> Tensor:
    """Streaks of one direction over up to a quarter of a softened, darker picture."""
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
    """White ground: dark tones lifted above bright ones, as kornia does, or bright whitened."""
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
    """White dots of 1 to 5 pixels."""
    count, side = len(images_N3SS), images_N3SS.shape[-1]
    width_px = (1, 3, 3, 5)[int(torch.randint(4, (), generator=generator))]
    seeds_N1SS = torch.rand((count, 1, side, side), generator=generator)
    seeds_N1SS = (seeds_N1SS < _column(uniform(count, 0.001, 0.008, generator))).float()
    dots_N1SS = functional.max_pool2d(seeds_N1SS, width_px, stride=1, padding=width_px // 2)
    opacity_N111 = _column(uniform(count, 0.6, 1.0, generator))
    return images_N3SS + opacity_N111 * dots_N1SS * (0.96 - images_N3SS)


def motion_blur(images_NCSS: Tensor, length_px: int, generator: torch.Generator) -> Tensor:
    """Each image smeared along its own direction by an odd length; the edges are mirrored."""
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


@dataclass(frozen=True)
class PaperAugmentation:
    """Horizontal flips; satellite images turn by up to 90 degrees. Source: the authors' code."""

    side: int

    def __call__(
        self,
        satellite_N3SS: Tensor,
        drone_N3SS: Tensor,
        flat_N: Tensor,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Augmented views, each flipped on its own."""
        count = len(satellite_N3SS)
        turned = random_homography(count, WarpRange(yaw_deg=90.0), generator)
        satellite = warp(satellite_N3SS, turned @ random_flip(count, generator), self.side)
        return satellite, warp(drone_N3SS, random_flip(count, generator), self.side)


@dataclass(frozen=True)
class StrongAugmentation:
    """Any yaw, zoom, tilt and shift, colour, weather, blur, noise, dropout; a pair flips together.

    Ours: the warps are what lets flat overhead imagery stand in for flights.
    """

    side: int
    bad_weather: float = 0.5
    """Share of the drone views."""

    def __call__(
        self,
        satellite_N3SS: Tensor,
        drone_N3SS: Tensor,
        flat_N: Tensor,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Augmented views; a place is mirrored in both or in none."""
        count = len(satellite_N3SS)
        flip_N33 = random_flip(count, generator)
        quarter_N33 = torch.stack([rotation(1, 90.0 * turn)[0] for turn in range(4)])
        turn_N = torch.randint(0, 4, (count,), generator=generator)
        above_N33 = flip_N33 @ quarter_N33[turn_N]
        above_N33 = above_N33 @ random_homography(count, SATELLITE, generator)
        flown_N33 = torch.where(
            flat_N[:, None, None],
            random_homography(count, FLAT_AS_FLOWN, generator),
            random_homography(count, FLOWN, generator),
        )
        padding = "reflection" if float(torch.rand((), generator=generator)) < 0.5 else "zeros"
        satellite = warp(satellite_N3SS, above_N33, self.side, "reflection")
        drone = warp(drone_N3SS, flip_N33 @ flown_N33, self.side, padding)
        satellite = blur_and_noise(jitter_colour(satellite, 0.7, generator), generator)
        drone = jitter_colour(drone, 1.0, generator)
        drone = worsen_weather(drone, self.bad_weather, generator)
        drone = blur_and_noise(drone, generator)
        return satellite, drop_patches(drone, generator)

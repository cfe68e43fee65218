"""Transfer of colours between images: histograms and low frequencies of other real images.

A palette keeps only what the two transfers need of an image, so that hundreds fit into memory.
Shapes: N images, P palettes, S side, Q quantiles, F low frequencies a way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from training.learning.loading import decode

QUANTILES = 33
"""Number of knots of a tone curve. Our choice: more knots only copy the noise of one image."""
LOW = 6
"""Our choice: waves of a sixth of the image's side and longer are light, haze and land cover; the
amplitude of shorter ones belongs to objects on the ground."""
_LEVELS = 256
_DECODED_PX = 128
_SAMPLED = 64


@dataclass(frozen=True, kw_only=True)
class Palettes:
    """Tones and low frequencies of P images."""

    quantiles_P3Q: Tensor
    """Ascending tones of each channel at equal shares of the pixels, 0..1."""
    amplitudes_P3FF: Tensor
    """Mean amplitude per pixel of the waves from -LOW to LOW down, 0 to LOW across."""

    def __len__(self) -> int:
        return len(self.quantiles_P3Q)

    @classmethod
    def of(cls, images_P3SS: Tensor) -> "Palettes":
        """Return the palettes of float32 images [P, 3, S, S] in 0..1."""
        return cls(
            quantiles_P3Q=tone_quantiles(images_P3SS),
            amplitudes_P3FF=_low(torch.fft.rfft2(images_P3SS, norm="forward")).abs(),
        )

    @classmethod
    def read(cls, files: Sequence[Path], most: int, generator: torch.Generator) -> "Palettes":
        """Return palettes of at most `most` of these images, drawn at random.

        Raises:
            DataError: an image is unreadable.
        """
        chosen = torch.randperm(len(files), generator=generator)[:most].tolist()
        pictures = [torch.from_numpy(decode(files[k], _DECODED_PX)) for k in chosen]
        return cls.of(torch.stack(pictures).float() / 255.0)


def tone_quantiles(images_N3SS: Tensor) -> Tensor:
    """Return tones [N, 3, Q] at equal shares of the pixels of [N, 3, S, S], from 64 x 64 pixels."""
    side = images_N3SS.shape[-1]
    row_T = torch.linspace(0, side - 1, min(side, _SAMPLED)).round().long()
    sampled_N3L = images_N3SS[:, :, row_T][:, :, :, row_T].flatten(2).sort(dim=2).values
    at_Q = torch.linspace(0, sampled_N3L.shape[2] - 1, QUANTILES).round().long()
    return sampled_N3L[:, :, at_Q]


def with_tones(images_N3SS: Tensor, wanted_N3Q: Tensor) -> Tensor:
    """Return images [N, 3, S, S] in 0..1 with the wanted tones in each channel, by histograms.

    Piecewise linear between the knots, through a table of 256 levels.
    """
    present_N3Q = tone_quantiles(images_N3SS).contiguous()
    level_L = torch.linspace(0, 1, _LEVELS)
    level_N3L = level_L.expand(*present_N3Q.shape[:2], _LEVELS).contiguous()
    above = torch.searchsorted(present_N3Q, level_N3L).clamp(1, QUANTILES - 1)
    low_N3L, high_N3L = present_N3Q.gather(2, above - 1), present_N3Q.gather(2, above)
    share_N3L = ((level_N3L - low_N3L) / (high_N3L - low_N3L).clamp(min=1e-4)).clamp(0, 1)
    table_N3L = wanted_N3Q.gather(2, above - 1).lerp(wanted_N3Q.gather(2, above), share_N3L)
    index_N3M = (images_N3SS.flatten(2) * (_LEVELS - 1)).round().long().clamp(0, _LEVELS - 1)
    return table_N3L.gather(2, index_N3M).view_as(images_N3SS)


def with_amplitudes(images_N3SS: Tensor, wanted_N3FF: Tensor, weight_NFF: Tensor) -> Tensor:
    """Return images whose low waves have the wanted amplitudes, and phases of their own; unclamped.

    Source: Yang and Soatto, FDA: Fourier domain adaptation for semantic segmentation, 2020.

    Args:
        images_N3SS: float32, 0..1.
        wanted_N3FF: amplitudes of other images, as in `Palettes`.
        weight_NFF: weight of the wanted amplitude of each wave, 0..1.
    """
    waves = torch.fft.rfft2(images_N3SS, norm="forward")
    low_N3FF = _low(waves)
    present_N3FF = low_N3FF.abs()
    amplitude_N3FF = present_N3FF.lerp(wanted_N3FF, weight_NFF[:, None])
    changed_N3FF = torch.polar(amplitude_N3FF, low_N3FF.angle())
    rows = torch.arange(-LOW, LOW + 1)
    waves[:, :, rows, : LOW + 1] = changed_N3FF
    changed_N3SS: Tensor = torch.fft.irfft2(waves, s=images_N3SS.shape[-2:], norm="forward")
    return changed_N3SS


def within(radius_N: Tensor) -> Tensor:
    """Return weights [N, F, F]: 1 on waves of at most this many periods each way, 0 beyond."""
    down_F1 = torch.arange(-LOW, LOW + 1).abs()[:, None]
    across_F = torch.arange(LOW + 1)[None]
    return (torch.maximum(down_F1, across_F) <= radius_N[:, None, None]).float()


def smooth_field(count: int, cells: int, side: int, generator: torch.Generator) -> Tensor:
    """Return smooth random fields [N, 1, S, S] in 0..1: enlarged noise of `cells` a side."""
    noise = torch.rand((count, 1, cells, cells), generator=generator)
    return functional.interpolate(noise, size=side, mode="bicubic").clamp(0, 1)


def _low(waves: Tensor) -> Tensor:
    """Return the waves from -LOW to LOW down and 0 to LOW across."""
    return waves[:, :, torch.arange(-LOW, LOW + 1), : LOW + 1]

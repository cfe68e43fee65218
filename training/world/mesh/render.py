"""One image of a mesh as a camera under its own sky records it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.world.mesh.appearance import Appearance
from training.world.mesh.drawing import draw, draw_gbuffer
from training.world.mesh.infill import filled
from training.world.mesh.lens import Lens
from training.world.mesh.lighting import daylight
from training.world.mesh.pack import Pack
from training.world.mesh.raster import Drawn
from training.world.mesh.seasons import in_season
from training.world.mesh.shading import Averaged, GBuffer, average, empty_gbuffer
from training.world.rendering.sensor import expose

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
RAYS = 2
"""Our choice: two by two samples a pixel, beside the textures' mipmaps."""


@dataclass(frozen=True, kw_only=True)
class RenderedImage:
    """RGB pixels [S, S, 3], and the share of them that shows the mesh."""

    pixels: U8
    share_shown: float


@dataclass(frozen=True, kw_only=True)
class Material:
    """What is the same for all images of a mesh: its points' size, the power of its colours."""

    splat_m: float
    gamma: float = 1.0


def render(pack: Pack, lens: Lens, appearance: Appearance, material: Material) -> RenderedImage:
    """Return the image through a lens, whose side is `RAYS` times the image's."""
    drawn = draw(pack, lens, material.splat_m)
    gbuffer = draw_gbuffer(pack, lens, drawn)
    bright_HW = daylight(pack, gbuffer, drawn, appearance.light, material.splat_m)
    averaged = _averaged(gbuffer, drawn, bright_HW)
    view = _with_sky(
        _coloured(averaged, lens, appearance, material), averaged.weight_HW, lens, appearance
    )
    return RenderedImage(
        pixels=expose(_graded(view, appearance), appearance.sensor),
        share_shown=float(averaged.weight_HW.mean()),
    )


def _averaged(gbuffer: GBuffer, drawn: Drawn, bright_HW: F32) -> Averaged:
    side = len(bright_HW) // RAYS
    averaged = Averaged(
        gbuffer=empty_gbuffer(side),
        bright_HW=np.zeros((side, side), np.float32),
        weight_HW=np.zeros((side, side), np.float32),
    )
    average(gbuffer, drawn, bright_HW, averaged)
    return averaged


def _coloured(averaged: Averaged, lens: Lens, appearance: Appearance, material: Material) -> F32:
    """Return the mesh's colours of the appearance's season, light and haze."""
    gbuffer = averaged.gbuffer
    colour_HW3 = _lifted(_powered(gbuffer.colour_HW3, material.gamma), appearance.lifted)
    colour_HW3 = in_season(
        colour_HW3,
        gbuffer.point_HW3,
        gbuffer.normal_HW3,
        appearance.season,
        appearance.season_share,
    )
    bright_HW = 1.0 + appearance.relit * (averaged.bright_HW - 1.0)
    warm = np.array([1.0 + appearance.light.warmth, 1.0, 1.0 - appearance.light.warmth], np.float32)
    colour_HW3 = colour_HW3 * bright_HW[..., None] * warm
    distance_HW = np.linalg.norm(gbuffer.point_HW3 - lens.frame[0].astype(np.float32), axis=2)
    mist_HW = 1.0 - np.exp(-distance_HW * np.float32(appearance.haze_per_m)) * (
        1.0 - appearance.veil
    )
    haze = np.array(appearance.haze_rgb, np.float32)
    return np.asarray(colour_HW3 + mist_HW[..., None] * (haze - colour_HW3), dtype=np.float32)


def _powered(colour_HW3: F32, gamma: float) -> F32:
    return np.asarray(255.0 * (colour_HW3 / 255.0) ** np.float32(gamma), dtype=np.float32)


def _lifted(colour_HW3: F32, share: float) -> F32:
    """Return colours whose dark parts, such as the photos' own shadows, are brightened."""
    dark = np.clip(1.0 - colour_HW3.mean(axis=2, keepdims=True) / 110.0, 0.0, 1.0)
    return np.asarray(colour_HW3 * (1.0 + 1.2 * share * dark), dtype=np.float32)


def _with_sky(colour_HW3: F32, weight_HW: F32, lens: Lens, appearance: Appearance) -> F32:
    """Return the view, its gaps filled from their surroundings, and sky over the horizon."""
    view = filled(colour_HW3, weight_HW)
    if lens.is_parallel:
        return view
    up = (1.0 - 2.0 * (np.arange(len(view)) + 0.5) / len(view)) * lens.half_width
    rise = lens.frame[3, 2] + up * lens.frame[2, 2]
    sky_HW1 = (np.where(rise > 0, 1.0, 0.0)[:, None] * (1.0 - weight_HW))[..., None]
    haze = np.array(appearance.haze_rgb, np.float32)
    return np.asarray(view + sky_HW1 * (haze - view), dtype=np.float32)


def _graded(view: F32, appearance: Appearance) -> F32:
    """Return the view in the appearance's colours and sharpness."""
    mixed = np.clip(view @ np.array(appearance.mixing_33, np.float32).T, 0.0, 255.0)
    graded = 255.0 * (mixed / 255.0) ** np.array(appearance.gamma_3, np.float32)
    graded = _coarsened(graded.astype(np.float32), appearance.coarse)
    return _sharpened(graded, appearance.sharpened) if appearance.sharpened else graded


def _coarsened(view: F32, factor: float) -> F32:
    """Return the view as if it had been taken with pixels `factor` times as large."""
    side = len(view)
    small = round(side / factor)
    if small >= side:
        return view
    bands = []
    for band in range(3):
        image = Image.fromarray(np.ascontiguousarray(view[..., band]), mode="F")
        image = image.resize((small, small), Image.Resampling.BOX)
        bands.append(np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)))
    return np.stack(bands, axis=-1).astype(np.float32)


def _sharpened(view: F32, strength: float) -> F32:
    padded = np.pad(view, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
    return np.clip(view + strength * (view - around), 0.0, 255.0).astype(np.float32)

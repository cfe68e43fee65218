"""Real overhead imagery as ground and roof texture, for training renders.

A folder of textures holds, at any depth, `ucmerced`-like images named CLASSnn.jpg (0.3 m per
pixel) and a folder of roof patches whose name contains `roof` (0.2 m per pixel). Each lot and
roof chooses a patch of its kind by its own seed, so neighbouring windows still fit.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from PIL import Image

from training.world.chance import hash_unit
from training.world.errors import MapSourceError
from training.world.plan.arrays import Records
from training.world.scene.window import CROP, F32, I32, NO_PART, ROOF, U8, WATER, Window

PATCH_PX = 256
_GROUPS: tuple[tuple[str, ...], ...] = (
    ("runway", "parkinglot", "freeway"),
    ("golfcourse", "baseballdiamond"),
    ("forest",),
    ("agricultural",),
    (),
    ("roof",),
    ("chaparral", "beach", "agricultural"),
    ("mobilehomepark", "parkinglot", "tenniscourt", "harbor", "storagetanks", "chaparral"),
)
"""Classes for each ground material (PAVED, GRASS, LEAF, CROP, WATER, ROOF, SOIL); the last group
replaces whole lots."""
_GSD_M = (0.3, 0.3, 0.3, 0.3, 0.3, 0.2, 0.3, 0.3)
_WEIGHT = (0.35, 0.6, 0.7, 0.85, 0.0, 0.75, 0.8, 1.0)
_WHOLE_LOT = 7
"""The group whose patches replace whole lots."""
_WHOLE_SHARE = 0.1
"""Our choice: one lot in ten is a real image throughout."""
_PLAIN_SHARE = 0.15
"""Our choice: this share of the lots and roofs takes no patch."""
_STREET_SEED = 77
"""Chooses the patch of everything outside lots."""
_ROOF_INSET_PX, _ROOF_PX = 70, 116
"""The square in the middle of a roof patch that is used."""


class TextureBank(NamedTuple):
    """Patches of all groups, one after the other."""

    patches: U8
    """RGB [N, 256, 256, 3]."""
    mean: F32
    """Mean colour of each patch [N, 3]."""
    first: I32
    """Index of each group's first patch."""
    number: I32
    """Number of each group's patches."""
    gsd_m: F32
    """Metres per pixel of each group's patches."""
    weight: F32
    """Weight of each group's patches against the world's own colours (0-1)."""


def _patch(path: Path) -> U8:
    with Image.open(path) as image:
        pixels = image.convert("RGB")
        if min(pixels.size) < PATCH_PX:
            pixels = pixels.resize((PATCH_PX, PATCH_PX), Image.Resampling.BICUBIC)
        return np.asarray(pixels.crop((0, 0, PATCH_PX, PATCH_PX)))


def _class_of(path: Path) -> str:
    return "roof" if "roof" in path.parent.name else path.stem.rstrip("0123456789")


def _spread(paths: list[Path], most: int) -> list[Path]:
    """Return at most `most` of the paths, evenly spread."""
    return paths[:: max(1, len(paths) // most)][:most]


@lru_cache(maxsize=2)
def load_textures(folder: str, classes: str = "", most: int = 60) -> TextureBank:
    """Return up to `most` patches of each class in `folder`; `classes` (comma-separated) selects.

    Raises:
        MapSourceError: a class is unknown, or the folder holds none of them.
    """
    wanted = {name for name in classes.split(",") if name}
    known = {name for group in _GROUPS for name in group}
    if wanted - known:
        raise MapSourceError(
            f"--texture-classes: {', '.join(sorted(wanted - known))} is unknown; "
            f"choose from {', '.join(sorted(known))}"
        )
    by_class: dict[str, list[Path]] = {}
    for path in sorted(Path(folder).rglob("*.jpg")):
        name = _class_of(path)
        if name in known and (not wanted or name in wanted):
            by_class.setdefault(name, []).append(path)
    if not by_class:
        raise MapSourceError(
            f"{folder}: no images of {', '.join(sorted(wanted or known))}; give another folder"
        )
    patches: list[U8] = []
    first, number = [], []
    for group in _GROUPS:
        chosen = [path for name in group for path in _spread(by_class.get(name, []), most)]
        first.append(len(patches))
        number.append(len(chosen))
        patches += [_patch(path) for path in chosen]
    stack = np.stack(patches)
    return TextureBank(
        patches=stack,
        mean=stack.reshape(len(stack), -1, 3).mean(axis=1).astype(np.float32),
        first=np.array(first, np.int32),
        number=np.array(number, np.int32),
        gsd_m=np.array(_GSD_M, np.float32),
        weight=np.array(_WEIGHT, np.float32),
    )


@numba.njit(cache=True)
def _mirror(value: float, size: int) -> int:
    """Return the index of a coordinate in a row of `size` that is mirrored beyond its ends."""
    k = int(np.floor(value)) % (2 * size)
    return k if k < size else 2 * size - 1 - k


@numba.njit(cache=True)
def _source(parts: Records, window: Window, r: int, c: int) -> tuple[int, int]:
    """Return the group of patches that a cell takes from, and the seed that chooses among them."""
    group = int(window.material[r, c])
    n, lot_seed = window.part_of[r, c], window.lot_seed[r, c]
    if n >= 0:
        return group, parts[n].seed
    if lot_seed < 0:
        return group, _STREET_SEED
    if n == NO_PART and hash_unit(lot_seed, 91, 1) < _WHOLE_SHARE and group != WATER:
        return _WHOLE_LOT, lot_seed
    return group, lot_seed


@numba.njit(cache=True)
def _pixel(group: int, quarters: int, x: float, y: float) -> tuple[int, int]:
    """Return the patch's column and row at (x, y) pixels; the patch is mirrored and transposed."""
    if quarters % 2 == 1:
        x, y = y, x
    if group == ROOF:
        # Only the middle of a roof patch is sure to be roof.
        return _ROOF_INSET_PX + _mirror(x, _ROOF_PX), _ROOF_INSET_PX + _mirror(y, _ROOF_PX)
    return _mirror(x + 40.0 * quarters, PATCH_PX), _mirror(y, PATCH_PX)


@numba.njit(cache=True, nogil=True)
def lay_textures(bank: TextureBank, parts: Records, window: Window) -> None:
    """Blend the bank's patches into a window's colours, in place."""
    rows, columns = window.material.shape
    for r in range(rows):
        for c in range(columns):
            group, key = _source(parts, window, r, c)
            if bank.number[group] == 0 or hash_unit(key, 91, 2 + group) < _PLAIN_SHARE:
                continue
            k = bank.first[group] + int(hash_unit(key, 92, group) * bank.number[group])
            x = (window.ix0 + c) * window.cell_m / bank.gsd_m[group]
            y = (window.iy0 + r) * window.cell_m / bank.gsd_m[group]
            px, py = _pixel(group, int(hash_unit(key, 93, group) * 4.0), x, y)
            patch = bank.patches[k, py, px]
            # Most cells keep their own hue and take only the patch's brightness.
            keeps_hue = hash_unit(key, 94, group) < 0.7 and group != _WHOLE_LOT and group != CROP
            grey = bank.mean[k, 0] + bank.mean[k, 1] + bank.mean[k, 2]
            level = float(patch[0]) + patch[1] + patch[2]
            factor = min(1.5, max(0.55, level / max(60.0, grey)))
            for band in range(3):
                base = float(window.rgb[r, c, band])
                texel = base * factor if keeps_hue else float(patch[band])
                mixed = base + bank.weight[group] * (texel - base)
                window.rgb[r, c, band] = np.uint8(min(255.0, mixed))

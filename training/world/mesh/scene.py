"""A packed mesh with its relief and its place on the Earth: what jobs take images of."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from training.world.mesh.appearance import Appearance
from training.world.mesh.georeference import Georeference
from training.world.mesh.lens import Lens, from_above, pinhole
from training.world.mesh.pack import Pack, open_pack
from training.world.mesh.relief import Relief, relief_of
from training.world.mesh.render import RAYS, Material, RenderedImage, render
from training.world.output.view import View
from training.world.rendering.camera import Camera

_WELL_LIT = 112.0
"""Our choice: the mean of the overhead sets' images, to which a camera's meter leads."""
_MOST_GAMMA = 1.6
_POINTS_A_SPLAT = 1.6
"""Our choice: a splat is so many mean distances of points wide, so that surfaces close."""


@dataclass(frozen=True, kw_only=True)
class MeshScene:
    """One mesh ready for images; positions in metres from its middle.

    `gamma` is the power that brings the mesh's mean colour to that of a well-lit image.
    """

    pack: Pack
    relief: Relief
    splat_m: float
    gamma: float

    def _render(self, lens: Lens, appearance: Appearance) -> RenderedImage:
        return render(self.pack, lens, appearance, Material(splat_m=self.splat_m, gamma=self.gamma))

    def from_drone(
        self, where: Georeference, camera: Camera, appearance: Appearance, size_px: int
    ) -> tuple[View, float]:
        """Return what a camera sees, and the share of it that the mesh fills.

        The camera's z counts from the ground below the point that it looks at.
        """
        target_m = camera.ground_point(0.0, 0.0)
        eye = camera.x_m, camera.y_m, camera.z_m + self.relief.ground_at(*target_m)
        lens = pinhole(eye, camera.axes(), camera.field_of_view_deg, size_px * RAYS)
        image = self._render(lens, appearance)
        slant_m = camera.z_m / math.sin(math.radians(-camera.gimbal_pitch_deg))
        wide_m = 2 * slant_m * math.tan(math.radians(camera.field_of_view_deg) / 2)
        here, target = where.degrees([(camera.x_m, camera.y_m), target_m])
        view = View(
            kind="drone",
            latitude=here[0],
            longitude=here[1],
            altitude_m=camera.z_m,
            heading_deg=camera.heading_deg,
            gimbal_pitch_deg=camera.gimbal_pitch_deg,
            gsd_m=wide_m / size_px,
            field_of_view_deg=camera.field_of_view_deg,
            footprint=where.degrees(list(camera.footprint())),
            target=target,
            jpeg_quality=appearance.sensor.jpeg_quality,
            pixels=image.pixels,
            weather=appearance.season,
        )
        return view, image.share_shown

    def from_satellite(
        self,
        where: Georeference,
        middle_m: tuple[float, float],
        span_m: float,
        appearance: Appearance,
        size_px: int,
        off_m: tuple[float, float] = (0.0, 0.0),
    ) -> View:
        """Return the tile of a place; its image is `off_m` (east, north) away from its bounds."""
        x, y = middle_m
        top_m = float(self.pack.high_3[2])
        lens = from_above(x + off_m[0], y + off_m[1], top_m, span_m, size_px * RAYS)
        image = self._render(lens, appearance)
        half = span_m / 2
        corners = [
            (x - half, y + half), (x + half, y + half), (x + half, y - half), (x - half, y - half),
        ]  # fmt: skip
        (middle,) = where.degrees([middle_m])
        return View(
            kind="satellite",
            latitude=middle[0],
            longitude=middle[1],
            altitude_m=None,
            heading_deg=0.0,
            gimbal_pitch_deg=-90.0,
            gsd_m=span_m / size_px,
            field_of_view_deg=None,
            footprint=where.degrees(corners),
            target=middle,
            jpeg_quality=appearance.sensor.jpeg_quality,
            pixels=image.pixels,
        )


def splat_of(pack: Pack) -> float:
    """Return the side of a point's square, metres, from how densely the points lie."""
    if not len(pack.dot_P3):
        return 1.0
    cells = np.unique(np.floor(pack.dot_P3[:, :2]).astype(np.int64), axis=0)
    return _POINTS_A_SPLAT * math.sqrt(len(cells) / len(pack.dot_P3))


def open_scene(folder: Path, splat_m: float | None) -> MeshScene:
    """Return the scene of a written pack; `splat_m` None takes the points' own density."""
    return _scene(folder, splat_m, (folder / "table.json").stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _scene(folder: Path, splat_m: float | None, written_ns: int) -> MeshScene:
    """Return the scene of a pack, opened again where another was written to the folder."""
    pack = open_pack(folder)
    splat = splat_of(pack) if splat_m is None else splat_m
    relief = relief_of(pack, splat)
    gamma = math.log(_WELL_LIT / 255.0) / math.log(min(max(relief.brightness, 1.0), 254.0) / 255.0)
    return MeshScene(
        pack=pack,
        relief=relief,
        splat_m=splat,
        gamma=min(max(gamma, 1.0 / _MOST_GAMMA), _MOST_GAMMA),
    )

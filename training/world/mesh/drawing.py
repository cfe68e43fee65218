"""One view of a packed mesh: cull its chunks, draw them, and look up what each pixel shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.world.mesh.lens import Lens
from training.world.mesh.pack import Pack
from training.world.mesh.raster import EMPTY, draw_points, draw_triangles, project
from training.world.mesh.texels import Seen, shade

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
FARTHEST = np.float32(-3e38)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The z-buffer of a view: nearness (see `lens`) and the number of what each pixel shows."""

    nearness_HW: F32
    number_HW: I32

    @property
    def is_shown(self) -> NDArray[np.bool_]:
        """Which pixels show something, bool [H, W]."""
        return np.asarray(self.number_HW != EMPTY)


def draw(pack: Pack, lens: Lens, splat_m: float) -> Drawn:
    """Return the z-buffer of a view; points are squares of `splat_m`."""
    side = lens.side_px
    start = FARTHEST if lens.is_parallel else np.float32(0.0)
    nearness_HW = np.full((side, side), start, np.float32)
    number_HW = np.full((side, side), EMPTY, np.int32)
    surface, chunks = pack.surface, pack.triangles
    for k in np.flatnonzero(lens.sees(chunks.low_C3, chunks.high_C3)):
        first, after, first_t, after_t = (int(n) for n in chunks.rows_C4[k])
        seen_V3 = np.empty((after - first, 3))
        project(surface.position_V3[first:after], lens.frame, lens.half_width, seen_V3)
        draw_triangles(
            seen_V3,
            surface.triangle_T3[first_t:after_t],
            first,
            first_t,
            lens.is_parallel,
            nearness_HW,
            number_HW,
        )
    chunks = pack.points
    for k in np.flatnonzero(lens.sees(chunks.low_C3, chunks.high_C3)):
        first, after = (int(n) for n in chunks.rows_C4[k, :2])
        seen_V3 = np.empty((after - first, 3))
        project(pack.dot_P3[first:after], lens.frame, lens.half_width, seen_V3)
        draw_points(
            seen_V3, -2 - first, splat_m, lens.half_width, lens.is_parallel, nearness_HW, number_HW
        )
    return Drawn(nearness_HW=nearness_HW, number_HW=number_HW)


def look_up(pack: Pack, lens: Lens, drawn: Drawn) -> Seen:
    """Return colour, world point and normal of each pixel of a drawn view; zero where empty."""
    shape = (lens.side_px, lens.side_px, 3)
    seen = Seen(
        colour_HW3=np.zeros(shape, np.float32),
        point_HW3=np.zeros(shape, np.float32),
        normal_HW3=np.zeros(shape, np.float32),
    )
    shade(
        drawn.number_HW,
        drawn.nearness_HW,
        lens.frame,
        lens.half_width,
        lens.is_parallel,
        pack.surface,
        seen,
    )
    return seen

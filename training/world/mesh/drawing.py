"""One view of a packed mesh: cull its chunks, draw them, and find what each pixel shows."""

import numpy as np

from training.world.mesh.lens import Lens
from training.world.mesh.pack import Pack
from training.world.mesh.raster import EMPTY, Drawn, draw_points, draw_triangles, project
from training.world.mesh.shading import GBuffer, empty_gbuffer, shade

_FARTHEST = -3e38


def draw(pack: Pack, lens: Lens, splat_m: float) -> Drawn:
    """Return the z-buffer of a view; points are squares of `splat_m`."""
    side, projection = lens.side_px, lens.projection
    start = _FARTHEST if lens.is_parallel else 0.0
    drawn = Drawn(
        nearness_HW=np.full((side, side), start, np.float32),
        number_HW=np.full((side, side), EMPTY, np.int32),
    )
    surface, chunks = pack.surface, pack.triangles
    for k in np.flatnonzero(lens.sees(chunks.low_C3, chunks.high_C3)):
        first, after, first_t, after_t = (int(n) for n in chunks.rows_C4[k])
        projected_V3 = np.empty((after - first, 3))
        project(surface.position_V3[first:after], projection, projected_V3)
        triangle_T3 = surface.triangle_T3[first_t:after_t]
        draw_triangles(projected_V3, triangle_T3, first, first_t, lens.is_parallel, drawn)
    chunks = pack.points
    for k in np.flatnonzero(lens.sees(chunks.low_C3, chunks.high_C3)):
        first, after = (int(n) for n in chunks.rows_C4[k, :2])
        projected_V3 = np.empty((after - first, 3))
        project(pack.dot_P3[first:after], projection, projected_V3)
        draw_points(projected_V3, -2 - first, splat_m, projection, drawn)
    return drawn


def draw_gbuffer(pack: Pack, lens: Lens, drawn: Drawn) -> GBuffer:
    """Return colour, world point and normal of each pixel of a drawn view; zero where empty."""
    gbuffer = empty_gbuffer(lens.side_px)
    shade(drawn, lens.projection, pack.surface, gbuffer)
    return gbuffer

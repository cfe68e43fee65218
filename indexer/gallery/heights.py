"""Heights of the ground and what stands on it, from the surface model of a gallery.

They lie in one GeoTIFF beside the versions, so that a search needs no other file. Shapes: N places,
n of them inside.
"""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window

from indexer.errors import GalleryMismatchError
from indexer.geo import offset
from indexer.records import Position


def heights_around(
    path: Path, origin: Position, places_N2: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the heights of places within a kilometre or two of an origin: float64 [N], m.

    NaN where the model has none; None where there is no model.

    Args:
        path: `GalleryFolder.heights`.
        origin: (latitude, longitude), degrees.
        places_N2: metres east and north of the origin.

    Raises:
        GalleryMismatchError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        with rasterio.open(path) as model:
            at_N2 = np.floor(_pixels(model, origin, places_N2)).astype(np.intp)
            inside_N = ((at_N2 >= 0) & (at_N2 < (model.width, model.height))).all(axis=1)
            found_N = np.full(len(places_N2), np.nan)
            if inside_N.any():
                inside_n2 = at_N2[inside_N]
                low_2, high_2 = inside_n2.min(axis=0), inside_n2.max(axis=0) + 1
                (left, top), (right, bottom) = low_2.tolist(), high_2.tolist()
                window = Window.from_slices((top, bottom), (left, right))
                x_n, y_n = (inside_n2 - low_2).T
                found_N[inside_N] = model.read(1, window=window)[y_n, x_n]
            return found_N
    except (RasterioError, ValueError) as error:
        raise GalleryMismatchError(
            f"{path} cannot be read ({error}); build the gallery again with --dsm"
        ) from error


def _pixels(model: Any, origin: Position, places_N2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns and rows of places.

    Our choice: one affine map, fitted to nine places; within two kilometres it is right to
    centimetres, and a hundred times faster than projecting each.
    """
    reach_m = float(np.abs(places_N2).max()) or 1.0
    steps = np.array([-reach_m, 0.0, reach_m])
    probes_92 = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    around = [offset(*origin, north_m, east_m) for east_m, north_m in probes_92.tolist()]
    project = Transformer.from_crs("EPSG:4326", model.crs, always_xy=True)
    x, y = project.transform([lon for _, lon in around], [lat for lat, _ in around])
    inverse = ~model.transform
    columns = inverse.a * np.array(x) + inverse.b * np.array(y) + inverse.c
    rows = inverse.d * np.array(x) + inverse.e * np.array(y) + inverse.f
    known_93 = np.column_stack((probes_92, np.ones(len(probes_92))))
    affine_32, *_ = np.linalg.lstsq(known_93, np.column_stack((columns, rows)), rcond=None)
    pixels_N2: NDArray[np.float64] = places_N2 @ affine_32[:2] + affine_32[2]
    return pixels_N2

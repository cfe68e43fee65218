"""Opens a raster file as its pixels can be placed: as it is, or warped by its control points."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import rasterio
from pyproj import CRS
from pyproj.exceptions import CRSError as UnknownCrsError
from rasterio._err import CPLE_BaseError
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.vrt import WarpedVRT

from indexer.errors import NotGeoreferencedError, SourceError
from indexer.sources.names import is_utf8, shown, url_of
from indexer.sources.rasters.remote import gdal_name, remote_settings

RASTER_ERRORS = (RasterioError, CRSError, CPLE_BaseError)
"""What rasterio raises: its own errors, one that is none of them, and GDAL's where it lets them
through, such as for control points on a line."""

_ASSIGN = "assign one, for example: gdal_edit.py -a_srs EPSG:32633"


@contextmanager
def opened_raster(path: Path) -> Iterator[Any]:
    """Open a raster for reading; ground control points are applied where it has nothing better.

    Raises:
        SourceError: it cannot be read.
    """
    url = url_of(path)
    with ExitStack() as stack:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                # GDAL takes UTF-8 names only; a file object has none.
                name: Any = path if is_utf8(path) else stack.enter_context(path.open("rb"))
                if url is not None:
                    stack.enter_context(remote_settings())
                    name = gdal_name(url)
                dataset = stack.enter_context(rasterio.open(name))
                if has_control_points(dataset):
                    dataset = stack.enter_context(_warped(dataset))
        except RASTER_ERRORS as error:
            if url is not None:
                raise SourceError(
                    f"{shown(path)} cannot be read as a raster map (wrong address, no access, or a "
                    "server without range requests?); open it with gdalinfo to see more"
                ) from error
            raise SourceError(
                f"{shown(path.name)} cannot be read as a raster map (damaged or cut off?); "
                "copy it again"
            ) from error
        yield dataset


def has_control_points(dataset: Any) -> bool:
    """Return whether ground control points are all that places a raster."""
    points, crs = dataset.gcps
    return dataset.transform.is_identity and len(points) >= 3 and crs is not None


def _warped(dataset: Any) -> WarpedVRT:
    # An alpha band marks what lies outside the turned picture.
    return WarpedVRT(dataset, src_crs=dataset.gcps[1], crs=dataset.gcps[1], add_alpha=True)


def check_georeferenced(dataset: Any, name: str) -> None:
    """Refuse a raster that nothing places on Earth.

    Raises:
        NotGeoreferencedError: with advice that fits what it has instead.
    """
    if dataset.transform.is_identity and dataset.rpcs is not None:
        raise NotGeoreferencedError(
            f"{name} is placed by rational polynomial coefficients (RPC) only; orthorectify it, "
            "for example: gdalwarp -rpc -t_srs EPSG:4326 (with -to RPC_DEM=... on hilly ground)"
        )
    if dataset.transform.is_identity and dataset.gcps[0]:
        raise NotGeoreferencedError(
            f"{name} has ground control points without a coordinate reference system, or fewer "
            "than three; give them again: gdal_translate -a_srs EPSG:4326 -gcp ..."
        )
    if dataset.crs is None:
        raise NotGeoreferencedError(f"{name} has no coordinate reference system; {_ASSIGN}")
    if dataset.transform.is_identity:
        raise NotGeoreferencedError(
            f"{name} has no position (no geotransform); georeference it, for example with "
            "gdalwarp or QGIS"
        )


def reference_system(dataset: Any, name: str) -> CRS:
    """Return the coordinate reference system.

    Raises:
        NotGeoreferencedError: it cannot be understood.
    """
    try:
        return CRS.from_wkt(dataset.crs.to_wkt())
    except (UnknownCrsError, *RASTER_ERRORS) as error:
        raise NotGeoreferencedError(
            f"{name}: its coordinate reference system cannot be understood; {_ASSIGN}"
        ) from error


def is_georeferenced(path: Path) -> bool:
    """Return whether a file is a georeferenced raster; False also if it is damaged."""
    try:
        with opened_raster(path) as dataset:
            placed = dataset.crs is not None or dataset.rpcs is not None
            return placed and not (dataset.transform.is_identity and dataset.rpcs is None)
    except (SourceError, OSError):
        return False

"""Footprints by column, a page of them at a time: GeoPackage (pyogrio) and GeoParquet (pyarrow)."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import SourceError
from indexer.gallery.well_known_binary import footprint_wkb
from indexer.records import ImageRecord

PAGE = 10_000
"""Our choice: footprints in memory at a time; 10 MB."""

TEXTS = (
    "image_id", "view", "altitude_datum", "flight_id", "place_id", "source", "content_sha256",
)  # fmt: skip
NUMBERS = (
    "latitude", "longitude", "gsd_m", "ground_m", "altitude_m", "heading_deg", "gimbal_pitch_deg",
)  # fmt: skip
MOMENT = "captured_at"

GEOPACKAGE_VERSION = "1.3"
"""Our choice: QGIS 3.22 warns that it reads newer ones in part only."""

_UTC = 100
"""GDAL's mark of a time zone: hundred quarters of an hour mean UTC."""


def write_geopackage(records: Iterable[ImageRecord], path: Path) -> int:
    """Write a GeoPackage with the layer `footprint`; return the number of footprints.

    Raises:
        DataSourceError: GDAL cannot write it.
    """
    from pyogrio import raw

    count = 0
    # GDAL goes by the suffix, which a file that is not finished lacks.
    named = path.with_name(f"{path.name}.gpkg")
    named.touch()  # whose error says why, where GDAL's does not
    named.unlink()
    try:
        for page in _pages(records):
            names = (*TEXTS, *NUMBERS, MOMENT)
            columns = [_column(page, name) for name in names]
            moments = columns[-1]
            raw.write(
                named, np.array([footprint_wkb(record) for record in page], dtype=object),
                field_data=columns, fields=np.array(names), driver="GPKG", layer="footprint",
                geometry_type="Unknown", crs="EPSG:4326", append=count > 0,
                field_mask=[_missing(column) for column in columns],
                gdal_tz_offsets={MOMENT: np.full(len(moments), _UTC)},
                dataset_options={"VERSION": GEOPACKAGE_VERSION} if count == 0 else {},
                layer_options={"GEOMETRY_NAME": "geom"} if count == 0 else {},
            )  # fmt: skip
            count += len(page)
        if count:
            named.replace(path)
    finally:
        named.unlink(missing_ok=True)
    return count


def write_geoparquet(records: Iterable[ImageRecord], path: Path) -> int:
    """Write GeoParquet 1.1, coordinates in OGC:CRS84; return the number of footprints.

    Raises:
        SourceError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise SourceError(
            f"{path.name}: GeoParquet needs pyarrow; install it: pip install 'safenet-geo[gis]'"
        ) from error
    types = {name: pyarrow.string() for name in TEXTS}
    types |= {name: pyarrow.float64() for name in NUMBERS}
    types |= {MOMENT: pyarrow.timestamp("ms", tz="UTC"), "geometry": pyarrow.binary()}
    geo = {
        "version": "1.1.0", "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}},
    }  # fmt: skip
    schema = pyarrow.schema(list(types.items()), metadata={"geo": json.dumps(geo)})
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for page in _pages(records):
            values = {name: [_plain(record, name) for record in page] for name in types}
            writer.write_table(pyarrow.table(values, schema=schema))
            count += len(page)
    return count


def _pages(records: Iterable[ImageRecord]) -> Iterator[list[ImageRecord]]:
    walk = iter(records)
    while page := list(islice(walk, PAGE)):
        yield page


def _plain(record: ImageRecord, name: str) -> Any:
    return footprint_wkb(record) if name == "geometry" else getattr(record, name)


def _column(page: list[ImageRecord], name: str) -> NDArray[Any]:
    values = [getattr(record, name) for record in page]
    if name in NUMBERS:
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    if name == MOMENT:
        plain = [None if value is None else value.replace(tzinfo=None) for value in values]
        return np.array(plain, dtype="datetime64[ms]")
    return np.array(values, dtype=object)


def _missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    absent: NDArray[np.bool_] = np.isnat(column) if column.dtype.kind == "M" else np.isnan(column)
    return absent

"""A gallery for a GIS: GeoPackage and GeoParquet with true types, STAC items of its sources."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyogrio
import pytest
from indexer_samples import table_folder
from pyarrow import parquet

from indexer.building import operations
from indexer.gallery.export import export
from indexer.gallery.gallery import Gallery
from indexer.gallery.stac import export_stac
from indexer.gallery.well_known_binary import footprint_wkb
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source


@pytest.fixture
def gallery(tmp_path, embedder):
    rows = [
        {"path": "a.png", "latitude": 50.0, "longitude": 179.999, "ground_m": 400,
         "captured_at": "2024-05-31T14:00:00+02:00", "gsd_m": 0.5},
        {"path": "b.png", "latitude": 50.01, "longitude": -179.999, "ground_m": "",
         "captured_at": "", "gsd_m": ""},
    ]  # fmt: skip
    folder = table_folder(tmp_path / "town", rows)
    operations.build(tmp_path / "s", "g", open_source(folder, SourceOptions()), embedder)
    opened = Gallery.open(tmp_path / "s", "g", embedder=embedder)
    yield opened
    opened.close()


NOON = datetime(2024, 5, 31, 12, tzinfo=UTC)


def test_a_geopackage_holds_types_and_areas(gallery, tmp_path) -> None:
    assert export(gallery.records(), tmp_path / "g.gpkg") == 2
    meta, _, blobs, columns = pyogrio.raw.read(tmp_path / "g.gpkg", layer="footprint")
    read = dict(zip(meta["fields"], columns, strict=True))
    assert read["image_id"].tolist() == ["a", "b"]
    assert read["gsd_m"][0] == 0.5
    assert read["gsd_m"][1] != read["gsd_m"][1], "not a number where nothing is known"
    assert read["captured_at"][0].astype("datetime64[s]").item() == NOON.replace(tzinfo=None)
    assert list(blobs) == [footprint_wkb(record) for record in gallery.records()]
    info = pyogrio.read_info(tmp_path / "g.gpkg", layer="footprint")
    assert info["crs"] == "EPSG:4326"


def test_geoparquet_is_readable_with_its_reference(gallery, tmp_path) -> None:
    assert export(gallery.records(), tmp_path / "g.parquet") == 2
    table = parquet.read_table(tmp_path / "g.parquet")
    geo = json.loads(table.schema.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"][geo["primary_column"]]["encoding"] == "WKB"
    rows = table.to_pylist()
    assert [row["image_id"] for row in rows] == ["a", "b"]
    assert [row["captured_at"] for row in rows] == [NOON, None]
    assert [row["geometry"] for row in rows] == [footprint_wkb(r) for r in gallery.records()]


def test_stac_has_one_item_a_source_in_a_catalogue(gallery, tmp_path) -> None:
    folder = tmp_path / "stac"
    assert export_stac(gallery, folder, 0.6) == 1
    catalog = json.loads((folder / "catalog.json").read_text())
    (link,) = [one for one in catalog["links"] if one["rel"] == "item"]
    item = json.loads((folder / link["href"]).read_text())
    assert (item["type"], item["stac_version"]) == ("Feature", "1.1.0")
    west, south, east, north = item["bbox"]
    assert west == pytest.approx(179.9962, abs=1e-4)
    assert east == pytest.approx(-179.9982, abs=1e-4)
    assert (south, north) == pytest.approx((49.9982, 50.01), abs=1e-4)
    assert item["geometry"]["type"] == "MultiPolygon", "cut at the antimeridian"
    said = item["properties"]
    assert said["datetime"] == "2024-05-31T12:00:00Z"
    assert (said["gsd"], said["safenet:images"], said["safenet:view"]) == (0.5, 2, "satellite")
    assert (said["proj:code"], said["proj:bbox"]) == ("EPSG:4326", item["bbox"])
    assert said["accuracy:geometric_rmse"] == 0.6
    assert len(item["stac_extensions"]) == 2


def test_stac_says_where_no_date_is_known(tmp_path, embedder) -> None:
    folder = table_folder(tmp_path / "t", [{"path": "a.png", "latitude": 1.0, "longitude": 2.0}])
    operations.build(tmp_path / "s", "g", open_source(folder, SourceOptions()), embedder)
    gallery = Gallery.open(tmp_path / "s", "g", embedder=embedder)
    export_stac(gallery, tmp_path / "out", None)
    gallery.close()
    (file,) = Path(tmp_path / "out").glob("0*.json")
    said = json.loads(file.read_text())["properties"]
    assert "carry no date" in said["description"]
    assert datetime.fromisoformat(said["datetime"])
    assert "accuracy:geometric_rmse" not in said

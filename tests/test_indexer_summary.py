"""The table at the end of a build, and the look of bounded time before one."""

import json
import time
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
import rasterio
from affine import Affine
from conftest import ColourEmbedder
from indexer_samples import picture, tile_folder
from photo_samples import SOUTH_EAST, photo
from typer.testing import CliRunner

from indexer.building import operations
from indexer.building.dry_run import forecast
from indexer.building.survey import survey
from indexer.commands.app import app
from indexer.errors import EmptySourceError
from indexer.polygons import box_around
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source

SIZES = {"descriptor_dim": 768, "local_bytes": 0, "matcher_bytes": 0, "index_kind": "auto"}


def mixed(folder: Path) -> Path:
    photo(folder / "a.jpg", SOUTH_EAST, seed=1)
    photo(folder / "b.jpg", SOUTH_EAST | {2: (33.0, 31.0, 0.0)}, seed=2)
    picture(3).save(folder / "c.jpg")
    (folder / "d.jpg").write_bytes((folder / "a.jpg").read_bytes()[:-300])
    (folder / "notes.txt").write_text("text")
    return folder


def test_a_build_ends_with_what_was_read_failed_and_left_aside(
    tmp_path, monkeypatch, embedder
) -> None:
    mixed(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("indexer.commands.options.load_weights", lambda *_: embedder)
    result = CliRunner().invoke(app, ["build", "town", "photos", "--log", "json"])
    lines = result.stdout.splitlines()
    assert lines[1:5] == [
        "  read                2  0 known before",
        "  skipped             0",
        lines[3],
        "  left aside          1  .txt file 1",
    ]
    assert lines[3].startswith("  failed              2  ")
    assert "no GPS position 1" in lines[3]
    assert "truncated or damaged 1" in lines[3]
    assert lines[5].startswith("  extent      151.250000,-33.516667,151.250000,-33.500000 (west")
    address, _, hash_part = lines[6].split()[-1].partition("#")
    assert address == "http://127.0.0.1:8000/"
    said = parse_qs(hash_part)
    assert (said["tab"], said["gallery"]) == (["navigate"], ["town"])
    assert said["bounds"] == ["151.250000,-33.516667,151.250000,-33.500000"]
    facts = json.loads(result.stderr.splitlines()[-1])
    assert facts["reasons"]["left_aside"] == {".txt file": 1}
    assert facts["extent"] == pytest.approx([151.25, -33.516667, 151.25, -33.5], abs=1e-6)


def vast(path: Path, kind: str = "uint8", side: int = 60_000) -> Path:
    """A map of 3.6 billion pixels whose file holds none."""
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=side, width=side, dtype=kind, crs="EPSG:32633",
        transform=Affine(0.5, 0, 500_000, 0, -0.5, 5_500_000), tiled=True, SPARSE_OK="TRUE",
        compress="deflate", photometric="RGB", BIGTIFF="YES",
    ) as dataset:  # fmt: skip
        block = np.asarray(picture(1, 512)).transpose(2, 0, 1).astype(kind)
        dataset.write(block, window=((0, 512), (0, 512)))
    return path


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_a_dry_run_of_a_vast_map_takes_two_seconds(tmp_path, kind) -> None:
    began = time.process_time()
    source = open_source(vast(tmp_path / "vast.tif", kind), SourceOptions(tile_m=(150.0,)))
    found = forecast(source, **SIZES)
    assert found.images == pytest.approx(797**2, rel=0.01)
    assert found.reasons.skipped["of one colour"] >= 1
    assert found.extent == pytest.approx((15.0, 49.38, 15.41, 49.65), abs=0.01)
    assert time.process_time() - began < 8.0, "bounded, not proportional to the map"


def test_a_dry_run_of_many_files_counts_what_time_allows(tmp_path, monkeypatch) -> None:
    folder = tile_folder(tmp_path / "tiles", 60, 60)
    found = forecast(open_source(folder, SourceOptions()), **SIZES)
    assert (found.images, found.exact, found.usable) == (3600, True, 3600)
    matched = forecast(open_source(folder, SourceOptions()), **SIZES | {"matcher_bytes": 1000})
    assert matched.store_bytes == found.store_bytes + 3600 * 1000
    monkeypatch.setattr("indexer.building.dry_run.LOOK_S", 0.0)
    short = forecast(open_source(folder, SourceOptions()), **SIZES)
    assert not short.exact
    assert 0 < short.images <= 3600


def test_a_source_is_walked_once_before_a_build(tmp_path, embedder: ColourEmbedder) -> None:
    folder = mixed(tmp_path / "photos")
    source = open_source(folder, SourceOptions())
    walks = []
    everything = source.everything

    def counted():
        walks.append(1)
        return everything()

    source.everything = counted  # type: ignore[method-assign]
    assert survey(source).count == 4
    assert len(walks) == 1
    operations.build(tmp_path / "s", "g", source, embedder)
    assert len(walks) == 3, "one walk for the checks, one for the images"


def test_an_empty_area_names_where_the_source_lies(tmp_path) -> None:
    folder = mixed(tmp_path / "photos")
    source = open_source(folder, SourceOptions(mask=(((1.0, 1.0), (1.0, 2.0), (2.0, 2.0)),)))
    assert survey(source).count == 1, "what cannot be used lies in any area"
    tiles = tile_folder(tmp_path / "tiles", 2, 2)
    with pytest.raises(EmptySourceError, match=r"they lie in 17\.26\d+,49\.52\d+,17\.26"):
        survey(open_source(tiles, SourceOptions(bounds=(1.0, 1.0, 2.0, 2.0))))


@pytest.mark.parametrize(
    ("longitudes", "west", "east"),
    [((10.0, 12.0), 10.0, 12.0), ((179.0, -179.0), 179.0, -179.0), ((-170.0, 10.0), -170.0, 10.0)],
)
def test_a_box_around_positions_goes_the_narrower_way(longitudes, west, east) -> None:
    assert box_around([(1.0, longitude) for longitude in longitudes]) == (west, 1.0, east, 1.0)

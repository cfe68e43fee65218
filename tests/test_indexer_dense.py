"""Dense building: tiles come in blocks, each at its place, and photos find them."""

from pathlib import Path

import numpy as np
import pytest
from indexer_samples import picture
from milvus_server import MilvusLite
from PIL import Image
from test_indexer_raster import utm
from test_model_matching import ground
from typer.testing import CliRunner

from indexer import Gallery, localize
from indexer.commands.app import app
from indexer.sources.candidate import SourceOptions
from indexer.sources.cutting.blocks import blocks
from indexer.sources.detect import open_source
from model.embedder import Embedder
from model.fusion import fuse

RUNNER = CliRunner()


@pytest.mark.parametrize(
    "options",
    [
        {"tile_m": (50.0,)},
        {"tile_m": (50.0, 90.0), "overlap": 0.6},
        {"tile_m": (30.0,), "bounds": (14.9995, 49.6435, 15.001, 49.6500)},
        {"tile_m": (500.0,), "min_opaque": 0.0},
    ],
)
def test_every_wanted_tile_lies_in_one_block_where_the_map_shows_it(
    tmp_path: Path, options: dict[str, object]
) -> None:
    source = open_source(utm(tmp_path), SourceOptions(**options))
    wanted = {tile.record.image_id: tile for tile in source.candidates()}
    found: list[str] = []
    for block in blocks(source, 32, 144):
        ground = block.picture().astype(float)
        assert ground.shape == (3, 144, 144)
        for tile, (left, top) in zip(block.candidates, block.places_N2.tolist(), strict=True):
            assert tile.record == wanted[tile.record.image_id].record
            found.append(tile.record.image_id)
            x, y = round(left), round(top)
            assert 0 <= x <= 112
            assert 0 <= y <= 112
            shown = ground[:, y : y + 32, x : x + 32]
            alone = np.asarray(tile.read().image.resize((32, 32)), dtype=float).transpose(2, 0, 1)
            assert np.abs(shown - alone).mean() < 12.0
    assert sorted(found) == sorted(wanted)


def test_photos_find_the_tiles_of_a_gallery_that_was_built_densely(tmp_path: Path) -> None:
    pixels = np.asarray(ground(7, 400))
    source = utm(tmp_path, pixels.transpose(2, 0, 1))
    build = ["build", "dense", str(source), "--store", str(tmp_path / "store"), "--dense"]
    result = RUNNER.invoke(app, [*build, "--tile-m", "60", "--overlap", "0.5"])
    assert result.exit_code == 0, result.output
    embedder = Embedder.load(device="cpu")
    gallery = Gallery.open(tmp_path / "store", "dense", embedder=embedder)
    tiles = {record.image_id: record for record in gallery.records()}
    assert len(tiles) == 36
    for left, top in ((56, 60), (168, 120), (224, 240)):
        photo = Image.fromarray(pixels[top : top + 120, left : left + 120]).rotate(90)
        answer = localize(photo.resize((512, 512), Image.Resampling.BICUBIC), gallery, embedder)
        assert f"r{top}-c{left}" in answer.matches[0].record.image_id
    gallery.close()


def test_a_dense_build_in_milvus_answers_as_one_in_a_folder(tmp_path: Path) -> None:
    build = ["build", "dense", str(utm(tmp_path)), "--dense", "--tile-m", "100", "--overlap", "0.5"]
    embedder = Embedder.load(device="cpu", matcher="none")
    view = embedder.preprocess(picture(1, 400).crop((56, 60, 256, 260)))
    query = fuse(embedder.embed_query_pixels(np.stack([view])))
    with MilvusLite(tmp_path / "milvus") as live:
        objects = ["--objects", str(tmp_path / "objects"), "--matcher", "none"]
        for place in (["--store", live.address, *objects], ["--store", str(tmp_path / "store")]):
            result = RUNNER.invoke(app, [*build, *place])
            assert result.exit_code == 0, result.output
        remote = live.store().open("dense", embedder=embedder).search(query, top_k=10)
    local = Gallery.open(tmp_path / "store", "dense", embedder=embedder)
    for one, other in zip(remote, local.search(query, top_k=10), strict=True):
        assert one.image_id == other.image_id
        assert one.score == pytest.approx(other.score, abs=1e-3)
    local.close()


def test_a_source_that_is_no_map_is_refused_with_dense(tmp_path: Path) -> None:
    picture(1, 64).save(tmp_path / "a.jpg")
    (tmp_path / "places.csv").write_text("path,latitude,longitude\na.jpg,50,14\n")
    build = ["build", "photos", str(tmp_path), "--store", str(tmp_path / "store"), "--dense"]
    result = RUNNER.invoke(app, build)
    assert result.exit_code == 1
    assert "--dense saves nothing" in result.stderr.replace("\n", " ")

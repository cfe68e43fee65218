"""Folders of mixed content: decided file by file, and nothing is left out silently."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from indexer_samples import picture, tile_folder
from photo_samples import HEIC, SOUTH_EAST, photo
from test_indexer_sources import small_map

from indexer.building import operations
from indexer.errors import UnknownSourceError
from indexer.gallery.gallery import Gallery
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from indexer.sources.reading import read_file


def walked(path: Path, **options):
    source = open_source(path, SourceOptions(**{"tile_m": (32.0,), "overlap": 0.0, **options}))
    found = list(source.candidates())
    return source, sorted(candidate.record.image_id for candidate in found)


def test_an_orthophoto_beside_photos_is_the_map_and_the_photos_are_named(tmp_path) -> None:
    folder = small_map(tmp_path / "survey" / "ortho.tif").parent
    for number in range(3):
        photo(folder / f"a{number}.jpg", SOUTH_EAST, seed=number)
    picture(9).save(folder / "preview.png")
    (folder / "flight.log").write_text("text")
    source, ids = walked(folder)
    assert (source.view, ids) == ("satellite", ["ortho-32m-r0-c0"])
    assert source.left_aside == {
        "photo with a position (index it with --view drone)": 3,
        "picture that nothing places": 1,
        ".log file": 1,
    }
    source, ids = walked(folder, view="drone")
    assert (source.view, ids) == ("drone", ["a0", "a1", "a2", "preview"])
    assert source.left_aside["map (index it with --view satellite)"] == 1


def test_a_picture_without_a_place_among_photos_fails_by_name(tmp_path, embedder) -> None:
    photo(tmp_path / "p" / "a.jpg", SOUTH_EAST)
    picture(2).save(tmp_path / "p" / "b.png")
    source = open_source(tmp_path / "p", SourceOptions())
    outcome = operations.build(tmp_path / "s", "g", source, embedder)
    assert (outcome.size, outcome.tally.failed) == (1, 1)
    assert "b.png has no GPS position" in (tmp_path / "s" / "g" / "failed.csv").read_text()


def test_photos_as_tiff_are_photos_and_the_twin_of_a_jpeg_is_left_aside(tmp_path) -> None:
    photo(tmp_path / "DJI_1.tif", SOUTH_EAST, seed=1)
    photo(tmp_path / "DJI_2.JPG", SOUTH_EAST, seed=2)
    photo(tmp_path / "DJI_2.TIF", SOUTH_EAST, seed=2)
    photo(tmp_path / "DJI_2.b.jpg", SOUTH_EAST, seed=3)
    source, ids = walked(tmp_path)
    assert (source.view, ids) == ("drone", ["DJI_1", "DJI_2", "DJI_2.b"])
    assert source.left_aside == {".tif beside a picture of the same name": 1}
    names = {Path(c.location).name for c in source.candidates()}
    assert names == {"DJI_1.tif", "DJI_2.JPG", "DJI_2.b.jpg"}


def test_a_photo_whose_position_comes_late_is_found(tmp_path) -> None:
    for number in range(30):
        picture(number).save(tmp_path / f"a{number:02d}.jpg")
    photo(tmp_path / "z.jpg", SOUTH_EAST, seed=99)
    source, ids = walked(tmp_path)
    assert (source.view, len(ids)) == ("drone", 31)


def test_heic_photos_are_read(tmp_path, embedder) -> None:
    file = tmp_path / "p" / "IMG_1.HEIC"
    file.parent.mkdir()
    file.write_bytes(HEIC)
    assert read_file(file).image.size == (64, 64)
    source = open_source(tmp_path / "p", SourceOptions())
    operations.build(tmp_path / "s", "g", source, embedder)
    gallery = Gallery.open(tmp_path / "s", "g", embedder=embedder)
    (record,) = gallery.records()
    gallery.close()
    assert (record.image_id, record.latitude, record.longitude) == ("IMG_1", -33.5, 151.25)


def test_names_that_are_no_utf_8_are_indexed_and_found_again(tmp_path, embedder) -> None:
    folder = tmp_path / os.fsdecode(b"Fl\xfcge")
    photo(folder / os.fsdecode(b"B\xe4ume.jpg"), SOUTH_EAST)
    photo(folder / "ok.jpg", SOUTH_EAST, seed=2)
    outcome = operations.build(tmp_path / "s", "g", open_source(folder, SourceOptions()), embedder)
    assert outcome.size == 2
    gallery = Gallery.open(tmp_path / "s", "g", embedder=embedder)
    found = {(record.image_id, record.source) for record in gallery.records()}
    gallery.close()
    assert found == {("B%E4ume", "Fl%FCge"), ("ok", "Fl%FCge")}
    assert operations.update(tmp_path / "s", "g", embedder).tally.unchanged == 2


def test_maps_whose_names_are_no_utf_8_are_indexed(tmp_path, embedder) -> None:
    small_map(tmp_path / "maps" / "a.tif")
    (tmp_path / "maps" / "a.tif").rename(tmp_path / "maps" / os.fsdecode(b"Stra\xdfe.tif"))
    for path in (tmp_path / "maps", tmp_path / "maps" / os.fsdecode(b"Stra\xdfe.tif")):
        _, ids = walked(path)
        assert ids == ["Stra%DFe-32m-r0-c0"]
    source = open_source(tmp_path / "maps", SourceOptions(tile_m=(32.0,)))
    assert operations.build(tmp_path / "s", "g", source, embedder).size == 1


def test_a_link_that_leads_back_is_followed_once(tmp_path) -> None:
    photo(tmp_path / "a.jpg", SOUTH_EAST)
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "lost.jpg").symlink_to("nowhere.jpg")
    source, ids = walked(tmp_path)
    assert ids == ["a"]
    assert source.left_aside == {
        "link back to a folder that was read": 1,
        "link that leads nowhere": 1,
    }


def test_tiles_one_folder_down_are_found(tmp_path) -> None:
    tile_folder(tmp_path / "export" / "tiles", 2, 2)
    source, ids = walked(tmp_path / "export", tile_m=())
    assert len(ids) == 4
    assert "tiles are read from tiles/" in source.notes


def test_a_folder_whose_pictures_nothing_places_is_refused(tmp_path) -> None:
    picture(1).save(tmp_path / "a.jpg")
    photo(tmp_path / "b.jpg", {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)})
    with pytest.raises(UnknownSourceError, match="no GPS in the photos"):
        open_source(tmp_path, SourceOptions())


def test_a_pipe_among_photos_is_counted_and_never_read(tmp_path) -> None:
    photo(tmp_path / "a.jpg", SOUTH_EAST)
    os.mkfifo(tmp_path / "b.jpg")
    os.mkfifo(tmp_path / "c.tif")
    source = open_source(tmp_path, SourceOptions())
    assert [one.record.image_id for one in source.candidates()] == ["a"]
    assert source.left_aside == {"pipe or device": 2}


def test_a_png_that_gdal_has_described_is_a_map(tmp_path) -> None:
    bands = np.asarray(picture(1, 100)).transpose(2, 0, 1)
    tif = tmp_path / "a.tif"
    with rasterio.open(
        tif, "w", driver="GTiff", count=3, height=100, width=100, dtype="uint8",
        crs="EPSG:32633", transform=Affine(0.5, 0, 5e5, 0, -0.5, 5.5e6),
    ) as dataset:  # fmt: skip
        dataset.write(bands)
    png = tmp_path / "png" / "a.png"
    png.parent.mkdir()
    rasterio.shutil.copy(tif, png, driver="PNG")
    assert (tmp_path / "png" / "a.png.aux.xml").is_file()
    options = SourceOptions(tile_m=(50.0,))
    expected = next(open_source(tif, options).candidates()).record.corners
    for given in (png, png.parent):
        assert next(open_source(given, options).candidates()).record.corners == expected

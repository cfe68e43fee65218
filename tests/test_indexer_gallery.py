from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ColourEmbedder
from indexer_samples import picture, table_folder, tile_folder
from numpy.typing import NDArray

from indexer.building import operations
from indexer.building.repair import rebuild
from indexer.errors import (
    BadFilterError,
    GalleryMismatchError,
    UnknownGalleryError,
    UnknownImageError,
)
from indexer.gallery.gallery import Gallery, current_version, list_galleries
from indexer.gallery.metadata_search import MAX_BOXES
from indexer.geo import distance_m
from indexer.localization.localize import localize
from indexer.polygons import join_holes
from indexer.records import Filters, Match, Prior
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.fusion import plain_query

COLUMNS, ROWS = 6, 5


def search(gallery: Gallery, descriptors: NDArray[np.float32], **conditions: Any) -> list[Match]:
    return gallery.search(plain_query(descriptors), **conditions)


@pytest.fixture(scope="module")
def store(tmp_path_factory, embedder) -> Path:
    root = tmp_path_factory.mktemp("gallery")
    source = open_source(tile_folder(root / "tiles", COLUMNS, ROWS), SourceOptions())
    operations.build(root / "store", "map", source, embedder)
    return root / "store"


@pytest.fixture
def gallery(store, embedder):
    opened = Gallery.open(store, "map", embedder=embedder)
    yield opened
    opened.close()


def test_an_image_of_the_gallery_finds_itself_with_score_one(gallery, embedder) -> None:
    match, *rest = search(gallery, embedder.embed([picture(3002)])[0], top_k=5)
    assert (match.record.image_id, match.rank) == ("19-287287-178882", 1)
    assert match.score == pytest.approx(1.0, abs=2e-3)
    assert [found.rank for found in rest] == [2, 3, 4, 5]
    assert all(a.score >= b.score for a, b in zip([match, *rest], rest, strict=False))


def test_rows_are_gallery_descriptors_and_searches_use_query_descriptors(
    tmp_path,
) -> None:
    class Shifted(ColourEmbedder):
        """What a gallery keeps is moved by one place."""

        def embed_gallery_pixels(self, pixels_N3SS):
            rows = super().embed_gallery_pixels(pixels_N3SS)
            return replace(rows, descriptors_ND=np.roll(rows.descriptors_ND, 1, axis=1))

    shifted = Shifted()
    source = open_source(tile_folder(tmp_path / "tiles", 3, 1), SourceOptions())
    operations.build(tmp_path / "store", "map", source, shifted)
    opened = Gallery.open(tmp_path / "store", "map", embedder=shifted)
    plain_D = shifted.embed([picture(1000)])[0]
    assert search(opened, np.roll(plain_D, 1), top_k=1)[0].score == pytest.approx(1.0, abs=2e-3)
    file = tmp_path / "asked.png"
    picture(1000).save(file)
    asked = localize(file, opened, shifted, top_k=3)
    expected = search(opened, plain_D, top_k=3)
    assert [match.score for match in asked.matches] == [match.score for match in expected]
    assert asked.matches[0].score < 0.99
    opened.close()


def test_a_repaired_row_is_a_gallery_descriptor_again(tmp_path) -> None:
    class Negative(ColourEmbedder):
        """What a gallery keeps points the other way."""

        def embed_gallery_pixels(self, pixels_N3SS):
            rows = super().embed_gallery_pixels(pixels_N3SS)
            return replace(rows, descriptors_ND=-rows.descriptors_ND)

    source = open_source(tile_folder(tmp_path / "tiles", 2, 1), SourceOptions())
    operations.build(tmp_path / "store", "map", source, Negative())
    (rows,) = (tmp_path / "store" / "map").rglob("descriptors-*.f16")
    whole = rows.read_bytes()
    rows.write_bytes(b"\x11\x22\x33" + whole[3:])
    assert rebuild(tmp_path / "store", "map", Negative()).descriptors == 1
    before, after = (np.frombuffer(data, np.float16)[:768] for data in (whole, rows.read_bytes()))
    assert before.astype(np.float32) @ after > 0.98  # from the stored picture, a JPEG


def test_scores_equal_brute_force_over_all_images(gallery, embedder) -> None:
    query_D = embedder.embed([picture(77)])[0]
    everything = [picture(i * 1000 + j) for i in range(COLUMNS) for j in range(ROWS)]
    exact = np.sort(embedder.embed(everything) @ query_D)[::-1]
    found = [match.score for match in search(gallery, query_D, top_k=COLUMNS * ROWS)]
    np.testing.assert_allclose(found, exact, atol=2e-3)


def test_the_better_of_a_querys_scales_counts(gallery, embedder) -> None:
    one_D, other_D = embedder.embed([picture(77), picture(3002)])
    both = search(gallery, np.stack((one_D, other_D)), top_k=COLUMNS * ROWS)
    apart = [
        {match.record.image_id: match.score for match in search(gallery, query_D, top_k=100)}
        for query_D in (one_D, other_D)
    ]
    for match in both:
        image_id = match.record.image_id
        assert match.score == pytest.approx(max(scores[image_id] for scores in apart), abs=1e-6)
    assert [match.score for match in both] == sorted((m.score for m in both), reverse=True)


def test_a_prior_gives_exactly_what_lies_within_its_radius(gallery, embedder) -> None:
    query_D = embedder.embed([picture(77)])[0]
    centre = gallery.record("19-287286-178882")
    prior = Prior(latitude=centre.latitude, longitude=centre.longitude, radius_m=75.0)
    found = {match.record.image_id for match in search(gallery, query_D, top_k=100, prior=prior)}
    near = {
        record.image_id
        for record in gallery.records()
        if distance_m(centre.latitude, centre.longitude, record.latitude, record.longitude) <= 75.0
    }
    assert found == near
    assert 5 <= len(near) < COLUMNS * ROWS


def test_bounds_and_polygon_give_exactly_their_inside(gallery, embedder) -> None:
    query_D = embedder.embed([picture(77)])[0]
    a, b = gallery.record("19-287285-178881"), gallery.record("19-287287-178883")
    bounds = (a.longitude - 1e-6, b.latitude - 1e-6, b.longitude + 1e-6, a.latitude + 1e-6)
    west, south, east, north = bounds
    polygon = ((north, west), (north, east), (south, east), (south, west))
    expected = {f"19-{x}-{y}" for x in range(287285, 287288) for y in range(178881, 178884)}
    for filters in (Filters(bounds=bounds), Filters(polygon=polygon)):
        found = search(gallery, query_D, top_k=100, filters=filters)
        assert {match.record.image_id for match in found} == expected
    assert {record.image_id for record in gallery.records(within=bounds)} == expected


def box_around(record, half_deg: float):
    west, east = record.longitude - half_deg, record.longitude + half_deg
    south, north = record.latitude - half_deg, record.latitude + half_deg
    return ((north, west), (north, east), (south, east), (south, west))


@pytest.mark.parametrize("copies", [1, 2 * MAX_BOXES])
def test_an_area_gives_the_union_of_its_polygons_without_their_holes(
    copies, gallery, embedder
) -> None:
    query_D = embedder.embed([picture(77)])[0]
    corner, middle = gallery.record("19-287284-178880"), gallery.record("19-287287-178882")
    one, tile_deg = box_around(corner, 1e-6), 360 / 2**19
    ring = join_holes(box_around(middle, 1.2 * tile_deg), [box_around(middle, 1e-6)])
    around = {f"19-{x}-{y}" for x in range(287286, 287289) for y in range(178881, 178884)}
    around.remove(middle.image_id)

    def found(**conditions) -> set[str]:
        filters = Filters(**conditions)
        matches = search(gallery, query_D, top_k=100, filters=filters)
        return {match.record.image_id for match in matches}

    assert found(area=(one, ring) * copies) == around | {corner.image_id}
    assert found(area=(ring,) * copies) == around
    assert found(area=(one, ring) * copies, polygon=one) == {corner.image_id}


def test_the_best_match_within_a_filter_is_found_however_bad_it_is(gallery, embedder) -> None:
    query_D = embedder.embed([picture(0)])[0]
    worst = search(gallery, query_D, top_k=COLUMNS * ROWS)[-1].record
    prior = Prior(latitude=worst.latitude, longitude=worst.longitude, radius_m=1.0)
    found = search(gallery, query_D, top_k=1, prior=prior)
    assert [match.record.image_id for match in found] == [worst.image_id]


def test_a_prior_far_away_gives_no_match_at_all(gallery, embedder) -> None:
    prior = Prior(latitude=-30.0, longitude=0.0, radius_m=1000.0)
    assert search(gallery, embedder.embed([picture(0)])[0], top_k=5, prior=prior) == []


def test_date_source_and_ground_size_filters_join(tmp_path, embedder) -> None:
    rows = [
        {
            "path": f"{n}.png",
            "lat": 10.0 + n / 1000,
            "lon": 20.0,
            "captured_at": f"2024-0{n + 1}-01T00:00:00Z" if n < 3 else "",
            "ground_m": 100 * (n + 1) if n < 3 else "",
        }
        for n in range(4)
    ]
    source = open_source(table_folder(tmp_path / "pics", rows), SourceOptions(view="satellite"))
    operations.build(tmp_path / "store", "pics", source, embedder)
    gallery = Gallery.open(tmp_path / "store", "pics", embedder=embedder)
    query_D = embedder.embed([picture(0)])[0]

    def found(filters: Filters) -> set[str]:
        return {m.record.image_id for m in search(gallery, query_D, top_k=9, filters=filters)}

    february = datetime(2024, 2, 1, tzinfo=UTC)
    assert found(Filters(captured_after=february)) == {"1", "2"}
    assert found(Filters(captured_after=february, captured_before=february)) == {"1"}
    assert found(Filters(min_ground_m=150.0, max_ground_m=250.0)) == {"1"}
    assert found(Filters(source="places.csv")) == set()
    assert found(Filters(source="pics")) == {"0", "1", "2", "3"}
    gallery.close()


def test_filters_out_of_range_are_refused(gallery, embedder) -> None:
    query_D = embedder.embed([picture(0)])[0]
    with pytest.raises(BadFilterError, match="radius_m -1"):
        gallery.search(
            plain_query(query_D), top_k=1, prior=Prior(latitude=0, longitude=0, radius_m=-1)
        )
    with pytest.raises(BadFilterError, match="no box"):
        search(gallery, query_D, top_k=1, filters=Filters(bounds=(0, 5, 0, -5)))
    with pytest.raises(BadFilterError, match="no inside"):
        search(gallery, query_D, top_k=1, filters=Filters(polygon=((0, 0), (1, 1))))
    with pytest.raises(BadFilterError, match="no polygon"):
        search(gallery, query_D, top_k=1, filters=Filters(area=()))


def test_metadata_and_picture_come_back_by_id(gallery) -> None:
    record = gallery.record("19-287284-178880")
    assert record.view == "satellite"
    assert record.corners is not None
    assert len(record.corners) == 4
    assert record.ground_m == pytest.approx(49.6, abs=0.3)
    assert gallery.picture("19-287284-178880").startswith(b"\xff\xd8")
    with pytest.raises(UnknownImageError, match="nowhere"):
        gallery.record("nowhere")


def test_records_page_through_everything_by_id(gallery) -> None:
    ids = [record.image_id for record in gallery.records()]
    assert ids == sorted(ids)
    assert len(ids) == COLUMNS * ROWS
    assert [record.image_id for record in gallery.records(limit=4)] == ids[:4]


def test_extent_holds_every_centre(gallery) -> None:
    west, south, east, north = gallery.extent()
    for record in gallery.records():
        assert west <= record.longitude <= east
        assert south <= record.latitude <= north


def test_weights_that_did_not_make_the_gallery_are_refused(store, embedder) -> None:
    class Other(type(embedder)):
        sha256 = "0" * 64

    with pytest.raises(GalleryMismatchError, match="colour-thumbnail"):
        Gallery.open(store, "map", embedder=Other())


@pytest.mark.parametrize("file", ["index.faiss", "gallery.sqlite", "manifest.json"])
def test_a_changed_file_is_refused(file, tmp_path, embedder) -> None:
    source = open_source(tile_folder(tmp_path / "tiles", 2, 2), SourceOptions())
    version = operations.build(tmp_path, "map", source, embedder).version
    path = tmp_path / "map" / "versions" / version / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(GalleryMismatchError, match="rebuild"):
        Gallery.open(tmp_path, "map", embedder=embedder)


def test_names_that_leave_the_store_are_unknown(store) -> None:
    for name in ("../map", "", "a/b", ".hidden", "map\n"):
        with pytest.raises(UnknownGalleryError):
            Gallery.open(store, name, embedder=None)


def test_the_store_lists_its_galleries_and_versions(store) -> None:
    assert list_galleries(store) == ["map"]
    assert current_version(store, "map").startswith("0000")
    assert list_galleries(store / "nothing") == []
    with pytest.raises(UnknownGalleryError, match="there are: map"):
        current_version(store, "mop")


def test_a_query_of_another_length_is_refused(gallery) -> None:
    with pytest.raises(GalleryMismatchError, match="768-d"):
        search(gallery, np.ones(5, dtype=np.float32), top_k=1)

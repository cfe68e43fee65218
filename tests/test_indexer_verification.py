"""Local features in a gallery: stored beside the descriptors, kept intact, and ranking by them."""

import dataclasses
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import ColourEmbedder
from indexer_samples import FIRST_X, FIRST_Y, LocalEmbedder, picture, tile_folder

from indexer.building import operations
from indexer.building.compact import compact
from indexer.building.repair import rebuild, verify
from indexer.commands.info import describe
from indexer.gallery.descriptors import DescriptorFile
from indexer.gallery.gallery import Gallery, current_version
from indexer.gallery.layout import gallery_folder
from indexer.localization.localize import localize
from indexer.records import Filters
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.descriptor_model import FusedQuery, GalleryRows
from model.files import file_sha256
from model.fusion import fuse
from model.verification import SIDE, VERIFIED, agreement, combined

COLUMNS, ROWS = 8, 5
IDS = [f"19-{FIRST_X + i}-{FIRST_Y + j}" for i in range(COLUMNS) for j in range(ROWS)]
SEEDS = [i * 1000 + j for i in range(COLUMNS) for j in range(ROWS)]
ASKED = (2003, 5001)
"""Two of the pictures; the query is seen as two views of one place."""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("local")
    source = open_source(tile_folder(root / "tiles", COLUMNS, ROWS), SourceOptions())
    operations.build(root / "store", "map", source, LocalEmbedder())
    return root / "store"


@pytest.fixture
def store(built, tmp_path) -> Path:
    return shutil.copytree(built, tmp_path / "store")


def shown(seeds) -> np.ndarray:
    return np.stack([LocalEmbedder().preprocess(picture(seed)) for seed in seeds])


def rows() -> GalleryRows:
    return LocalEmbedder().embed_gallery_pixels(shown(SEEDS))


def asked() -> FusedQuery:
    return fuse(LocalEmbedder().embed_query_pixels(shown(ASKED)))


def searched(
    store: Path, query: FusedQuery, top_k: int, *, verify: bool = True
) -> dict[str, float]:
    gallery = Gallery.open(store, "map", embedder=None)
    matches = gallery.search(query, top_k=top_k, verify=verify)
    gallery.close()
    return {match.record.image_id: match.score for match in matches}


def stored_local(store: Path) -> dict[str, np.ndarray]:
    gallery = Gallery.open(store, "map", embedder=None)
    place = gallery_folder(store, "map").version(gallery.version)
    images = list(gallery.database.stored())
    path = place / "descriptors.f16"
    with closing(DescriptorFile(path, gallery.descriptor_dim, gallery.local_bytes)) as file:
        local_NL = file.local([image.slot for image in images])
    gallery.close()
    return dict(zip((image.record.image_id for image in images), local_NL, strict=True))


@pytest.mark.parametrize("top_k", [5, COLUMNS * ROWS])
def test_the_best_by_cosine_are_ranked_by_cosine_and_agreement(built, top_k) -> None:
    query = asked()
    half_ND = rows().descriptors_ND.astype(np.float16).astype(np.float32)
    cosines_N = (half_ND @ query.descriptors_SD.T).max(axis=1)
    kept = np.argsort(-cosines_N, kind="stable")[: max(top_k, VERIFIED)]
    scores_K = combined(cosines_N[kept], agreement(query.local_NSL, rows().local_NL[kept]).scores_K)
    order = np.argsort(-scores_K, kind="stable")[:top_k]
    found = searched(built, query, top_k)
    assert list(found) == [IDS[kept[i]] for i in order]
    np.testing.assert_allclose(list(found.values()), scores_K[order], atol=1e-5)
    assert list(found) != [IDS[i] for i in kept[:top_k]]
    if top_k < VERIFIED:
        assert set(list(found)[:2]) == {IDS[SEEDS.index(seed)] for seed in ASKED}


def test_a_turned_and_moved_query_tells_how_it_lies(built) -> None:
    local_SL = asked().local_NSL[0]
    cells = local_SL.reshape(SIDE, SIDE, -1)
    moved = np.zeros_like(cells)
    moved[2:, :-1] = cells[:-2, 1:]  # the camera two cells up, one to the right
    turned = np.rot90(moved).reshape(1, 1, -1)  # and its top to the right
    query = dataclasses.replace(asked(), local_NSL=np.ascontiguousarray(turned))
    gallery = Gallery.open(built, "map", embedder=None)
    best = gallery.search(query, top_k=1)[0]
    gallery.close()
    assert best.record.image_id == IDS[SEEDS.index(ASKED[0])]
    assert (best.pose.up * SIDE, best.pose.right * SIDE) == pytest.approx((2, 1), abs=0.2)
    assert best.pose.turn_deg == pytest.approx(90, abs=4)


def test_descriptors_alone_are_not_verified(built) -> None:
    query = asked()
    found = searched(built, query, 3, verify=False)
    assert found == searched(built, FusedQuery(query.descriptors_SD, query.steadiness), 3)
    half_ND = rows().descriptors_ND.astype(np.float16).astype(np.float32)
    best = np.sort((half_ND @ query.descriptors_SD.T).max(axis=1))[::-1][:3]
    np.testing.assert_allclose(list(found.values()), best, atol=1e-5)


def test_where_nothing_satisfies_the_filters_nothing_is_verified(built) -> None:
    gallery = Gallery.open(built, "map", embedder=None)
    assert gallery.search(asked(), top_k=3, filters=Filters(source="elsewhere")) == []
    gallery.close()


def test_files_are_searched_with_their_local_features(built, tmp_path) -> None:
    picture(ASKED[0]).save(tmp_path / "asked.png")
    gallery = Gallery.open(built, "map", embedder=LocalEmbedder())
    result = localize(tmp_path / "asked.png", gallery, LocalEmbedder(), top_k=4)
    gallery.close()
    query = fuse(LocalEmbedder().embed_query_pixels(shown(ASKED[:1])))
    found = searched(built, query, 4)
    assert {match.record.image_id: match.score for match in result.matches} == found


def test_rows_hold_descriptor_and_local_features(built) -> None:
    told = describe(built, "map")
    assert (told["descriptor_dim"], told["local_bytes"]) == (768, 588)
    assert told["descriptors_bytes"] == COLUMNS * ROWS * (2 * 768 + 588)
    assert verify(built, "map") == []
    found = stored_local(built)
    np.testing.assert_array_equal([found[image_id] for image_id in IDS], rows().local_NL)


def test_compaction_keeps_local_features(store) -> None:
    operations.remove(store, "map", IDS[3:20])
    freed = compact(store, "map", keep=1)
    assert (freed.rows, freed.freed_bytes > 17 * (2 * 768 + 588)) == (17, True)
    assert verify(store, "map") == []
    left = [place for place in range(len(IDS)) if not 3 <= place < 20]
    found = stored_local(store)
    np.testing.assert_array_equal([found[IDS[i]] for i in left], rows().local_NL[left])


def test_a_damaged_local_feature_is_named_and_made_again(store) -> None:
    before = stored_local(store)
    (path,) = gallery_folder(store, "map").work.glob("descriptors-*.f16")
    place = 3 * (2 * 768 + 588) + 2 * 768 + 7
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    for copy in store.rglob("descriptors*.f16"):
        copy.write_bytes(data)
    found = verify(store, "map")
    assert {drift.what for drift in found} == {"descriptors", "descriptor"}
    (named,) = (drift.detail for drift in found if drift.what == "descriptor")
    assert IDS[3] in named
    assert rebuild(store, "map", LocalEmbedder()).descriptors == 1
    assert verify(store, "map") == []
    after = stored_local(store)
    assert np.abs(after[IDS[3]].astype(int) - before[IDS[3]]).max() <= 40  # from a stored JPEG
    for image_id in set(IDS) - {IDS[3]}:
        np.testing.assert_array_equal(after[image_id], before[image_id])


@pytest.fixture
def earlier(tmp_path) -> Path:
    """A gallery as releases before local features left it."""
    source = open_source(tile_folder(tmp_path / "tiles", 3, 2), SourceOptions())
    operations.build(tmp_path / "store", "map", source, ColourEmbedder())
    folder = gallery_folder(tmp_path / "store", "map")
    place = folder.version(current_version(tmp_path / "store", "map"))
    for path in (folder.database, place / "gallery.sqlite"):
        with closing(sqlite3.connect(path)) as database:
            database.execute("ALTER TABLE gallery DROP COLUMN local_bytes")
            database.execute("UPDATE alembic_version SET version_num = '0001'")
            database.commit()
    told = json.loads((place / "manifest.json").read_bytes())
    del told["local_bytes"]
    told["database_sha256"] = file_sha256(place / "gallery.sqlite")
    (place / "manifest.json").write_text(json.dumps(told))
    return tmp_path / "store"


def found_by_colour(store: Path, seed: int) -> str:
    pixels_1 = ColourEmbedder().preprocess(picture(seed))[None]
    query = fuse(ColourEmbedder().embed_query_pixels(pixels_1))
    ((image_id, score),) = searched(store, query, 1).items()
    assert score > 0.99
    return image_id


def test_a_gallery_of_an_earlier_release_is_read_as_it_is(earlier) -> None:
    assert found_by_colour(earlier, 1001) == f"19-{FIRST_X + 1}-{FIRST_Y + 1}"
    assert describe(earlier, "map")["local_bytes"] == 0
    assert verify(earlier, "map") == []


def test_a_writer_upgrades_a_gallery_of_an_earlier_release(earlier, tmp_path) -> None:
    more = open_source(tile_folder(tmp_path / "more", 3, 4), SourceOptions(id_prefix="more-"))
    assert operations.add(earlier, "map", more, ColourEmbedder()).size == 18
    assert found_by_colour(earlier, 2003) == f"more-19-{FIRST_X + 2}-{FIRST_Y + 3}"
    with closing(sqlite3.connect(gallery_folder(earlier, "map").database)) as database:
        assert database.execute("SELECT local_bytes FROM gallery").fetchall() == [(0,)]
    assert verify(earlier, "map") == []


def test_a_lost_writer_comes_back_from_a_version_of_an_earlier_release(earlier) -> None:
    shutil.rmtree(gallery_folder(earlier, "map").work)
    assert rebuild(earlier, "map", ColourEmbedder()).size == 6
    assert found_by_colour(earlier, 1) == f"19-{FIRST_X}-{FIRST_Y + 1}"
    assert verify(earlier, "map") == []

"""Matching in a search: rows beside pictures or on demand, positions from keypoints, evidence."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import ColourEmbedder
from PIL import Image, ImageFilter
from pyproj import Transformer
from rasterio import Affine

from indexer.building.compact import compact
from indexer.building.operations import build, remove
from indexer.building.repair import rebuild
from indexer.gallery.gallery import Gallery
from indexer.geo import distance_m, offset, square_corners
from indexer.localization.answer import Answer
from indexer.localization.confidence import MOST_MARGIN, Calibration, Evidence, confidence
from indexer.localization.estimate import Neighbourhood
from indexer.localization.localize import localize
from indexer.localization.matching import pose_of
from indexer.records import ImageRecord, Match
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.errors import ConfigError
from model.matching.choice import load_matcher
from model.matching.geometry import outline, rotation
from model.matching.interface import CHANCE_INLIERS, Geometry, Matcher
from model.matching.xfeat_matcher import XFeatMatcher
from model.preprocessing import to_pixels

GSD_M, EAST_M, NORTH_M, SIDE_PX = 0.5, 500_000.0, 5_200_000.0, 448


class MatchingEmbedder(ColourEmbedder):
    """Colours alone rank badly; the real matcher does the rest."""

    def __init__(self, matcher: Matcher | None) -> None:
        self.matcher = matcher
        self.input_size = 224

    def preprocess(self, image: Image.Image) -> np.ndarray:
        return to_pixels(image, 224)

    def embed_pixels(self, pixels_N3SS: np.ndarray) -> np.ndarray:
        return super().embed_pixels(pixels_N3SS[:, :, 7::14, 7::14])

    def embed_query_pixels(self, pixels_N3SS):  # type: ignore[no-untyped-def]
        found = super().embed_query_pixels(pixels_N3SS)
        pairs = zip(found, pixels_N3SS, strict=True)
        return [replace(one, pixels_3SS=pixels if self.matcher else None) for one, pixels in pairs]


def ground(seed: int) -> Image.Image:
    chance = np.random.default_rng(seed)
    canvas = np.full((SIDE_PX, SIDE_PX, 3), 120, np.uint8)
    for _ in range(300):
        top, left = chance.integers(0, SIDE_PX, 2)
        height, width = chance.integers(6, 40, 2)
        canvas[top : top + height, left : left + width] = chance.integers(0, 255, 3)
    return Image.fromarray(canvas).filter(ImageFilter.GaussianBlur(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of 224 x 224 m."""
    place = tmp_path_factory.mktemp("maps")
    with rasterio.open(
        place / "map.tif",
        "w",
        driver="GTiff",
        width=SIDE_PX,
        height=SIDE_PX,
        count=3,
        dtype="uint8",
        crs="EPSG:32632",
        transform=Affine(GSD_M, 0, EAST_M, 0, -GSD_M, NORTH_M),
    ) as file:
        file.write(np.asarray(ground(1)).transpose(2, 0, 1))
    return place


@pytest.fixture(scope="module")
def matching() -> MatchingEmbedder:
    return MatchingEmbedder(XFeatMatcher())


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, matching: MatchingEmbedder
) -> Path:
    store = tmp_path_factory.mktemp("store")
    source = open_source(folder, SourceOptions(tile_m=(75.0,), overlap=0.5))
    build(store, "matched", source, matching)
    build(store, "plain", source, MatchingEmbedder(None))
    return store


def photo(angle_deg: float = 25.0) -> tuple[Image.Image, tuple[float, float]]:
    """75 m of the map about (240, 200) px, its top pointing `angle_deg` clockwise from north."""
    turned = ground(1).rotate(angle_deg, Image.Resampling.BICUBIC, center=(240, 200))
    to_degrees = Transformer.from_crs(32632, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(EAST_M + 240 * GSD_M, NORTH_M - 200 * GSD_M)
    return turned.crop((165, 125, 315, 275)), (latitude, longitude)


def answer(store: Path, name: str, embedder: MatchingEmbedder, image: Image.Image) -> Answer:
    gallery = Gallery.open(store, name, embedder=embedder)
    try:
        return localize(image, gallery, embedder, top_k=30)
    finally:
        gallery.close()


def rows(store: Path, name: str) -> list[Path]:
    return sorted((store / name / "pictures").rglob("*.row"))


def test_keypoints_place_a_photo_to_a_metre_and_its_heading(
    store: Path, matching: MatchingEmbedder
) -> None:
    image, truth = photo()
    found = answer(store, "matched", matching, image)
    assert found.status == "match"
    assert found.estimate is not None
    assert distance_m(*truth, found.estimate.latitude, found.estimate.longitude) < 1.0
    assert found.estimate.heading_deg == pytest.approx(25.0, abs=1.5)
    assert found.evidence is not None
    assert found.evidence.inliers >= 30
    assert found.evidence.lead > 5


def test_rebuild_makes_the_rows_that_a_gallery_lacks(
    tmp_path: Path, folder: Path, matching: MatchingEmbedder
) -> None:
    source = open_source(folder, SourceOptions(tile_m=(75.0,), overlap=0.5))
    build(tmp_path, "earlier", source, MatchingEmbedder(None))

    first, second = (rebuild(tmp_path, "earlier", matching) for _ in range(2))

    assert first.matcher_rows == first.size == len(rows(tmp_path, "earlier"))
    assert second.matcher_rows == 0


def test_a_gallery_without_rows_gives_the_same_answer(
    store: Path, matching: MatchingEmbedder
) -> None:
    image, _ = photo(-60.0)
    with_rows, without = (answer(store, name, matching, image) for name in ("matched", "plain"))
    assert rows(store, "matched")
    assert not rows(store, "plain")
    assert with_rows.estimate is not None
    assert without.estimate is not None
    assert without.estimate.latitude == pytest.approx(with_rows.estimate.latitude, abs=1e-5)
    assert without.estimate.longitude == pytest.approx(with_rows.estimate.longitude, abs=1e-5)


def test_no_matcher_leaves_matches_without_geometry(store: Path) -> None:
    found = answer(store, "matched", MatchingEmbedder(None), photo()[0])
    assert all(match.geometry is None for match in found.matches)
    assert found.evidence is not None
    assert found.evidence.inliers == 0


def test_ranks_follow_scores_and_every_match_is_there(
    store: Path, matching: MatchingEmbedder
) -> None:
    found = answer(store, "matched", matching, photo()[0])
    assert [match.rank for match in found.matches] == list(range(1, len(found.matches) + 1))
    scores = [match.score for match in found.matches]
    assert scores == sorted(scores, reverse=True)
    plain = answer(store, "matched", MatchingEmbedder(None), photo()[0])
    assert {m.image_id for m in found.matches} == {m.image_id for m in plain.matches}


def test_other_ground_is_no_match(store: Path, matching: MatchingEmbedder) -> None:
    elsewhere = ground(99).crop((100, 100, 250, 250))
    assert answer(store, "matched", matching, elsewhere).status != "match"
    assert answer(store, "matched", matching, Image.new("RGB", (64, 64))).status != "match"


def test_a_damaged_row_is_made_again_from_the_picture(
    tmp_path: Path, folder: Path, matching: MatchingEmbedder
) -> None:
    build(tmp_path, "g", open_source(folder, SourceOptions(tile_m=(75.0,), overlap=0.5)), matching)
    image, _ = photo()
    before = answer(tmp_path, "g", matching, image)
    for path in rows(tmp_path, "g"):
        path.write_bytes(b"short")
    after = answer(tmp_path, "g", matching, image)
    assert after.matches[0].image_id == before.matches[0].image_id


def test_compaction_deletes_the_rows_of_deleted_pictures(
    tmp_path: Path, folder: Path, matching: MatchingEmbedder
) -> None:
    build(tmp_path, "g", open_source(folder, SourceOptions(tile_m=(75.0,), overlap=0.0)), matching)
    gallery = Gallery.open(tmp_path, "g", embedder=None)
    ids = [record.image_id for record in gallery.records()]
    gallery.close()
    assert len(rows(tmp_path, "g")) == len(ids)
    remove(tmp_path, "g", ids[:2])
    done = compact(tmp_path, "g", keep=1)
    assert done.pictures == 2
    assert len(rows(tmp_path, "g")) == len(ids) - 2


def test_the_drone_photo_that_shows_most_of_a_tile_comes_first(
    tmp_path: Path, matching: MatchingEmbedder
) -> None:
    (tmp_path / "flight").mkdir()
    lines = ["path,latitude,longitude"]
    seen = {"all": (150, 125, 75), "half": (215, 125, 75), "corner": (220, 190, 75)}
    for name, (left, top, half) in seen.items():
        image = ground(1).crop((left, top, left + 2 * half, top + 2 * half)).rotate(90)
        image.save(tmp_path / "flight" / f"{name}.png")
        lines.append(f"{name}.png,46.9,9.0")
    ground(7).save(tmp_path / "flight" / "elsewhere.png")
    lines.append("elsewhere.png,46.9,9.1")
    (tmp_path / "flight" / "photos.csv").write_text("\n".join(lines) + "\n")
    source = open_source(tmp_path / "flight", SourceOptions(view="drone"))
    build(tmp_path / "store", "flight", source, matching)
    gallery = Gallery.open(tmp_path / "store", "flight", embedder=matching)
    found = localize(ground(1).crop((155, 130, 295, 270)), gallery, matching)
    gallery.close()
    names = [Path(match.image_id).stem for match in found.matches]
    assert names == ["all", "half", "corner", "elsewhere"]
    scores = [match.score for match in found.matches]
    assert scores == sorted(scores, reverse=True)
    assert found.estimate is None


def test_an_unknown_matcher_is_refused() -> None:
    assert load_matcher("none") is None
    assert isinstance(load_matcher("auto"), XFeatMatcher)
    with pytest.raises(ConfigError, match="'sift': choose from auto, none, xfeat"):
        load_matcher("sift")


def test_a_pose_is_that_of_the_homography() -> None:
    matrix_33 = rotation(30.0)
    matrix_33[:2, 2] = 0.1, -0.2
    geometry = Geometry(
        homography_33=matrix_33, inliers=10, spread=0.5, points_I4=np.zeros((10, 4))
    )
    pose = pose_of(geometry)
    assert pose is not None
    assert (pose.up, pose.right) == pytest.approx((0.2, 0.1))
    assert pose.turn_deg == pytest.approx(30.0)
    assert pose_of(None) is None
    corners = outline(geometry, 0.5, 0.25)
    assert corners is not None
    cos, sin = math.cos(math.radians(30)), math.sin(math.radians(30))
    x, y = -0.5, -0.25
    assert corners[0] == pytest.approx((cos * x - sin * y + 0.1, sin * x + cos * y - 0.2))
    matrix_33[2] = 0, 3, 1
    assert outline(geometry, 0.5, 0.5) is None


def placed(rank: int, east_m: float, right: float, inliers: int) -> Match:
    """A 60 m tile so far east that shows the photo so many sides right of its middle."""
    latitude, longitude = offset(50.0, 8.0, 0.0, east_m)
    matrix_33 = np.eye(3)
    matrix_33[0, 2] = right
    geometry = Geometry(
        homography_33=matrix_33,
        inliers=inliers,
        spread=0.5,
        points_I4=np.zeros((inliers, 4)),
    )
    record = ImageRecord(
        image_id=str(rank),
        view="satellite",
        latitude=latitude,
        longitude=longitude,
        corners=square_corners(latitude, longitude, 60.0, 60.0),
    )
    pose = pose_of(geometry)
    return Match(record=record, score=1 - rank / 10, rank=rank, pose=pose, geometry=geometry)


def test_overlapping_tiles_that_put_the_photo_at_one_place_support_each_other() -> None:
    best = placed(1, 0.0, 0.25, 18)  # the photo lies 15 m east of the tile's middle
    agrees = placed(2, 30.0, -0.25, 12)  # 30 - 15 m: there, too
    differs = placed(3, 30.0, 0.25, 14)  # 45 m
    elsewhere = placed(4, 900.0, 0.25, 13)
    also_elsewhere = placed(5, 930.0, -0.25, 9)

    def lead(*matches: Match) -> float:
        return Neighbourhood(matches).evidence(0.9, 0.05).lead

    assert lead(best, differs, elsewhere) == 18 - CHANCE_INLIERS
    assert lead(best, agrees, differs, elsewhere) == 18 + 12 - CHANCE_INLIERS
    assert lead(best, agrees, elsewhere, also_elsewhere) == 18 + 12 - (13 + 9)
    assert lead(replace(best, geometry=None), agrees) == -CHANCE_INLIERS
    assert Neighbourhood([best, elsewhere]).evidence(0.9, 0.05).margin == MOST_MARGIN


def test_how_the_mirror_image_compares_counts_where_the_first_candidate_is_near() -> None:
    def checked(match: Match) -> Match:
        assert match.geometry is not None
        return replace(match, geometry=replace(match.geometry, confirmed=30, mirror_lead=-0.1))

    def evidence(*matches: Match) -> Evidence:
        return Neighbourhood(matches).evidence(0.9, 0.05)

    best, near, elsewhere = (
        placed(1, 0.0, 0.25, 18),
        placed(2, 30.0, 0.0, 17),
        placed(3, 900.0, 0.0, 16),
    )
    for matches in ((checked(best), near, elsewhere), (best, checked(near), elsewhere)):
        assert (evidence(*matches).confirmed, evidence(*matches).mirror_lead) == (30, -0.1)
    moved = evidence(best, near, checked(elsewhere))
    assert (moved.confirmed, moved.mirror_lead) == (0, 0)


def test_calibrations_without_keypoints_are_read_and_ignore_them() -> None:
    earlier = {
        "bias": -1.0, "score": 1.0, "margin": 0.0, "agreement": 0.0, "steadiness": 0.0,
        "temperature": 0.05, "no_match_below": 0.1, "match_from": 0.9,
        "scale_68": 1.0, "scale_95": 2.0,
    }  # fmt: skip
    calibration = Calibration.from_dict(earlier)
    plain = Evidence(score=1.0, margin=0.0, agreement=0.0, steadiness=0.0)
    matched = Evidence(
        score=1.0, margin=0.0, agreement=0.0, steadiness=0.0, inliers=40, lead=20, spread=0.5
    )
    assert confidence(plain, calibration) == confidence(matched, calibration) == 0.5


def test_the_footprint_is_the_photos_outline_on_the_ground(
    store: Path, matching: MatchingEmbedder
) -> None:
    image, truth = photo(0.0)
    wide = image.crop((0, 15, 150, 135))  # 75 m wide, 60 m high, about the same centre
    found = answer(store, "matched", matching, wide)
    assert found.estimate is not None
    ring = found.estimate.footprint
    assert ring is not None
    for corner, (right_m, up_m) in zip(
        ring, [(-37.5, 30.0), (37.5, 30.0), (37.5, -30.0), (-37.5, -30.0)], strict=True
    ):
        assert distance_m(*corner, *offset(*truth, up_m, right_m)) < 3.0

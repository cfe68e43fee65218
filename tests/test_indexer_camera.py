"""The camera of a photo against the true one that took it of a flat map."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from camera_samples import TrueCamera, degrees_of, opened_map, publish_map
from PIL import Image
from rasterio import Affine
from test_indexer_matching import EAST_M, GSD_M, NORTH_M, MatchingEmbedder, ground

from indexer.errors import BadFieldOfViewError, SourceError
from indexer.gallery.gallery import Gallery
from indexer.geo import distance_m
from indexer.localization.camera import CameraEstimate
from indexer.localization.lens import focal_of
from indexer.localization.localize import localize
from model.matching.camera_pose import camera_pose
from model.matching.xfeat_matcher import XFeatMatcher

OBLIQUE = TrueCamera(
    east_m=108.0, north_m=-145.0, height_m=80.0, heading_deg=20.0, pitch_deg=-68.0, roll_deg=2.0
)
STRAIGHT_DOWN = TrueCamera(east_m=112.0, north_m=-110.0, height_m=85.0, heading_deg=340.0)


@pytest.fixture(scope="module")
def embedder() -> MatchingEmbedder:
    return MatchingEmbedder(XFeatMatcher())


@pytest.fixture(scope="module")
def gallery(
    tmp_path_factory: pytest.TempPathFactory, embedder: MatchingEmbedder
) -> Iterator[Gallery]:
    with opened_map(tmp_path_factory, embedder) as opened:
        yield opened


def camera_found(
    gallery: Gallery, embedder: MatchingEmbedder, true: TrueCamera, size: tuple[int, int]
) -> CameraEstimate | None:
    photo = true.photo(ground(1), GSD_M, size)
    answer = localize(photo, gallery, embedder, fov_deg=true.fov_deg)
    assert answer.estimate is not None
    return answer.estimate.camera


@pytest.mark.parametrize("true", [OBLIQUE, STRAIGHT_DOWN])
@pytest.mark.parametrize("size", [(640, 480), (480, 640)])
def test_a_camera_of_known_field_of_view_is_found(
    gallery: Gallery, embedder: MatchingEmbedder, true: TrueCamera, size: tuple[int, int]
) -> None:
    found = camera_found(gallery, embedder, true, size)
    assert found is not None
    assert distance_m(*degrees_of(true.east_m, true.north_m), found.latitude, found.longitude) < 1.0
    assert found.height_m == pytest.approx(true.height_m, rel=0.01)
    assert (found.heading_deg - true.heading_deg + 180) % 360 - 180 == pytest.approx(0, abs=0.7)
    assert found.pitch_deg == pytest.approx(true.pitch_deg, abs=0.7)
    assert found.roll_deg == pytest.approx(true.roll_deg, abs=0.7)
    assert found.horizontal_spread_m < 3.0
    assert found.height_spread_m < 1.5


def test_the_ground_in_the_middle_is_finer_with_a_camera(
    gallery: Gallery, embedder: MatchingEmbedder
) -> None:
    answer = localize(
        OBLIQUE.photo(ground(1), GSD_M, (640, 480)), gallery, embedder, fov_deg=OBLIQUE.fov_deg
    )
    ray = OBLIQUE.rays(1, 1)[0, 0]
    reach = -OBLIQUE.height_m / ray[2]
    truth = degrees_of(OBLIQUE.east_m + reach * ray[0], OBLIQUE.north_m + reach * ray[1])
    assert answer.estimate is not None
    assert distance_m(*truth, answer.estimate.latitude, answer.estimate.longitude) < 0.4
    assert answer.estimate.heading_deg == pytest.approx(OBLIQUE.heading_deg, abs=0.5)
    assert answer.estimate.footprint is not None
    for place, (row, column) in zip(
        answer.estimate.footprint, [(0, 0), (0, -1), (-1, -1), (-1, 0)], strict=True
    ):
        ray = OBLIQUE.rays(640, 480)[row, column]
        reach = -OBLIQUE.height_m / ray[2]
        corner = degrees_of(OBLIQUE.east_m + reach * ray[0], OBLIQUE.north_m + reach * ray[1])
        assert distance_m(*place, *corner) < 1.5


def test_without_a_field_of_view_there_is_no_camera(
    gallery: Gallery, embedder: MatchingEmbedder
) -> None:
    photo = OBLIQUE.photo(ground(1), GSD_M, (640, 480))
    answer = localize(photo, gallery, embedder)
    assert answer.estimate is not None
    assert answer.estimate.camera is None


def test_exif_35_mm_gives_the_field_of_view(
    gallery: Gallery, embedder: MatchingEmbedder, tmp_path: Path
) -> None:
    photo = OBLIQUE.photo(ground(1), GSD_M, (640, 480))
    diagonal_mm = math.hypot(36, 24)
    focal_mm = focal_of(60.0, 640, 480) * 480 / math.hypot(640, 480) * diagonal_mm
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = round(focal_mm)
    photo.save(tmp_path / "photo.jpg", quality=95, exif=exif)
    answer = localize(tmp_path / "photo.jpg", gallery, embedder)
    assert answer.estimate is not None
    assert answer.estimate.camera is not None
    assert answer.estimate.camera.height_m == pytest.approx(
        OBLIQUE.height_m * round(focal_mm) / focal_mm, rel=0.02
    )


@pytest.mark.parametrize("fov_deg", [0.0, -5.0, 200.0, math.nan])
def test_an_impossible_field_of_view_is_refused(
    gallery: Gallery, embedder: MatchingEmbedder, fov_deg: float
) -> None:
    with pytest.raises(BadFieldOfViewError, match=r"fov_deg .*: send the angle across"):
        localize(Image.new("RGB", (64, 64)), gallery, embedder, fov_deg=fov_deg)


def test_a_pose_below_the_ground_is_none() -> None:
    chance = np.random.default_rng(0)
    photo_C2 = chance.uniform(-0.5, 0.5, (60, 2))
    ground_C3 = np.column_stack((photo_C2 * (80.0, 80.0), np.zeros(60)))  # not flipped: from below
    assert camera_pose(photo_C2, ground_C3, 1.0) is None
    above = camera_pose(photo_C2, ground_C3 * (1.0, -1.0, 1.0), 1.0)
    assert above is not None
    assert above.up_m == pytest.approx(80.0, rel=1e-3)
    assert above.pitch_deg == pytest.approx(-90.0, abs=0.1)


def test_contradicting_points_are_no_pose() -> None:
    chance = np.random.default_rng(1)
    ground_C3 = np.column_stack((chance.uniform(-40, 40, (80, 2)), np.zeros(80)))
    assert camera_pose(chance.uniform(-0.5, 0.5, (80, 2)), ground_C3, 1.0) is None
    assert camera_pose(np.empty((0, 2)), np.empty((0, 3)), 1.0) is None


def write_heights(path: Path, east_m: float, **changes: object) -> Path:
    """A surface model of 40 m everywhere, from `east_m` of the map's top left, 250 m a side."""
    profile: dict[str, object] = {
        "driver": "GTiff", "width": 125, "height": 125, "count": 1, "dtype": "float32",
        "crs": "EPSG:32632", "transform": Affine(2, 0, EAST_M + east_m, 0, -2, NORTH_M + 10),
    }  # fmt: skip
    with rasterio.open(path, "w", **(profile | changes)) as file:
        for band in range(1, file.count + 1):
            file.write(np.full((125, 125), 40, file.dtypes[0]), band)
    return path


def test_a_surface_model_gives_the_altitude_and_is_kept_in_the_gallery(
    tmp_path: Path, embedder: MatchingEmbedder
) -> None:
    heights = write_heights(tmp_path / "heights.tif", -10.0)
    outcome = publish_map(tmp_path, tmp_path / "maps", embedder, surface_model=heights)
    assert outcome.with_height == outcome.size
    heights.unlink()
    opened = Gallery.open(tmp_path, "map", embedder=embedder)
    found = camera_found(opened, embedder, OBLIQUE, (640, 480))
    opened.close()
    assert found is not None
    assert found.height_m == pytest.approx(OBLIQUE.height_m, rel=0.01)
    assert found.altitude_m == pytest.approx(OBLIQUE.height_m + 40, rel=0.01)


def test_a_surface_model_that_covers_a_part_is_counted(
    tmp_path: Path, embedder: MatchingEmbedder
) -> None:
    heights = write_heights(tmp_path / "heights.tif", 112.0)
    outcome = publish_map(tmp_path, tmp_path / "maps", embedder, surface_model=heights)
    assert outcome.with_height is not None
    assert 0 < outcome.with_height < outcome.size


@pytest.mark.parametrize(
    ("east_m", "changes", "message"),
    [
        (5000.0, {}, "no height of any of the .* images' middles"),
        (0.0, {"count": 3}, "has 3 bands"),
        (0.0, {"crs": None}, "no coordinate reference system"),
    ],
)
def test_a_surface_model_of_elsewhere_or_of_another_kind_is_one_line(
    tmp_path: Path,
    embedder: MatchingEmbedder,
    east_m: float,
    changes: dict[str, object],
    message: str,
) -> None:
    heights = write_heights(tmp_path / "heights.tif", east_m, **changes)
    with pytest.raises(SourceError, match=message):
        publish_map(tmp_path, tmp_path / "maps", embedder, surface_model=heights)
    (tmp_path / "text.tif").write_text("heights")
    with pytest.raises(SourceError, match="cannot be read"):
        publish_map(tmp_path, tmp_path / "maps", embedder, surface_model=tmp_path / "text.tif")
    with pytest.raises(SourceError, match="does not exist"):
        publish_map(tmp_path, tmp_path / "maps", embedder, surface_model=tmp_path / "none.tif")

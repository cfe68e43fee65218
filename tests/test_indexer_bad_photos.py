"""Photos that show little or the wrong thing: an answer for each, and no invented `match`."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from camera_samples import TrueCamera, degrees_of, lopsided_ground, opened_map
from PIL import Image, ImageOps
from test_indexer_matching import GSD_M, MatchingEmbedder

from indexer.gallery.gallery import Gallery
from indexer.geo import distance_m
from indexer.localization.localize import localize
from model.matching.xfeat_matcher import XFeatMatcher

CAMERA = TrueCamera(east_m=112.0, north_m=-110.0, height_m=85.0, heading_deg=340.0)


@pytest.fixture(scope="module")
def embedder() -> MatchingEmbedder:
    return MatchingEmbedder(XFeatMatcher())


@pytest.fixture(scope="module")
def gallery(
    tmp_path_factory: pytest.TempPathFactory, embedder: MatchingEmbedder
) -> Iterator[Gallery]:
    with opened_map(tmp_path_factory, embedder, lopsided_ground()) as opened:
        yield opened


def noise(spread: float, size: tuple[int, int] = (640, 480)) -> np.ndarray:
    return np.random.default_rng(0).normal(0, spread, (size[1], size[0], 3))


def picture(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def water() -> Image.Image:
    rows = np.linspace(0, 60, 480)[:, None, None]
    ripples = 4 * np.sin(rows + np.linspace(0, 9, 640)[None, :, None])
    return picture(np.array([30.0, 70.0, 90.0]) + ripples + noise(1.5))


def snow() -> Image.Image:
    return picture(np.full((480, 640, 3), 240.0) + noise(2.0))


def blank() -> Image.Image:
    return Image.new("RGB", (640, 480), (120, 120, 120))


def good(size: tuple[int, int] = (640, 480)) -> Image.Image:
    return CAMERA.photo(lopsided_ground(), GSD_M, size)


def mirrored() -> Image.Image:
    return ImageOps.mirror(good())


def night() -> Image.Image:
    return picture(np.asarray(good(), dtype=float) * 0.04 + noise(6.0))


def fisheye() -> Image.Image:
    """The photo bent by an equidistant lens, black around its circle."""
    photo = np.asarray(good((640, 640)))
    y, x = (np.mgrid[0:640, 0:640] + 0.5 - 320) / 320
    angle = np.hypot(x, y)
    stretch = np.tan(np.minimum(angle * 1.35, 1.5)) / np.maximum(angle * 3.4, 1e-9)
    column = (320 + 320 * x * stretch).astype(int)
    row = (320 + 320 * y * stretch).astype(int)
    inside = (angle < 1) & (column >= 0) & (column < 640) & (row >= 0) & (row < 640)
    bent = photo[row.clip(0, 639), column.clip(0, 639)]
    return Image.fromarray(np.where(inside[:, :, None], bent, 0).astype(np.uint8))


SHOWS_NOTHING = (water, snow, blank, mirrored)


@pytest.mark.parametrize("photo", [*SHOWS_NOTHING, night, fisheye])
def test_a_bad_photo_is_no_wrong_match(
    gallery: Gallery, embedder: MatchingEmbedder, photo: Callable[[], Image.Image]
) -> None:
    answer = localize(photo(), gallery, embedder, fov_deg=CAMERA.fov_deg)
    if photo in SHOWS_NOTHING:
        assert answer.status != "match"
    if answer.status == "match":
        assert answer.estimate is not None
        truth = degrees_of(CAMERA.east_m, CAMERA.north_m)
        assert distance_m(*truth, answer.estimate.latitude, answer.estimate.longitude) < 10.0


@pytest.mark.parametrize("size", [(48, 36), (20, 20), (5, 40), (1, 1)])
def test_a_photo_of_few_pixels_is_answered(
    gallery: Gallery, embedder: MatchingEmbedder, size: tuple[int, int]
) -> None:
    photo = good().resize(size)
    answer = localize(photo, gallery, embedder, fov_deg=CAMERA.fov_deg)
    if answer.status == "match":
        assert answer.estimate is not None
        truth = degrees_of(CAMERA.east_m, CAMERA.north_m)
        assert distance_m(*truth, answer.estimate.latitude, answer.estimate.longitude) < 10.0


def test_the_same_photo_undisturbed_is_found(gallery: Gallery, embedder: MatchingEmbedder) -> None:
    answer = localize(good(), gallery, embedder, fov_deg=CAMERA.fov_deg)
    assert answer.status == "match"

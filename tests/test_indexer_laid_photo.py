"""A photo laid on the ground in a neighbour's perspective, and what it says about its place."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from camera_samples import TrueCamera, degrees_of, opened_map
from PIL import Image
from test_indexer_matching import GSD_M, MatchingEmbedder, ground

from indexer.gallery.gallery import Gallery
from indexer.geo import metres_between
from indexer.localization.localize import localize
from indexer.records import Position
from indexer.tracking.laid_photo import Guess, LaidPhoto, shape_of
from indexer.tracking.legs import Expected
from indexer.tracking.localizing import origin_of
from indexer.tracking.place_map import PlaceMap
from indexer.tracking.shown_places import ratio_at, shown_places
from model.matching.xfeat_matcher import XFeatMatcher

NEIGHBOUR = TrueCamera(
    east_m=108.0, north_m=-145.0, height_m=80.0, heading_deg=20.0, pitch_deg=-68.0
)
CLOUDED = TrueCamera(east_m=90.0, north_m=-150.0, height_m=78.0, heading_deg=22.0, pitch_deg=-66.0)


@pytest.fixture(scope="module")
def embedder() -> MatchingEmbedder:
    return MatchingEmbedder(XFeatMatcher())


@pytest.fixture(scope="module")
def gallery(
    tmp_path_factory: pytest.TempPathFactory, embedder: MatchingEmbedder
) -> Iterator[Gallery]:
    with opened_map(tmp_path_factory, embedder) as opened:
        yield opened


def clouded(photo: Image.Image) -> Image.Image:
    """The photo behind a veil, its left third behind a cloud."""
    pixels = np.asarray(photo) * 0.3 + 150
    pixels[:, : photo.width // 3] = 240
    return Image.fromarray(pixels.astype(np.uint8))


def middle_of(camera: TrueCamera, origin: Position) -> tuple[float, float]:
    """Metres north and east of the ground in the middle of a camera's photo."""
    ray = camera.rays(1, 1)[0, 0]
    reach = -camera.height_m / ray[2]
    place = degrees_of(camera.east_m + reach * ray[0], camera.north_m + reach * ray[1])
    return metres_between(*origin, *place)


def test_a_clouded_photo_resembles_the_ground_that_it_shows(
    gallery: Gallery, embedder: MatchingEmbedder
) -> None:
    clear = NEIGHBOUR.photo(ground(1), GSD_M, (640, 480))
    matches = localize(clear, gallery, embedder).matches
    shape = shape_of(matches[0])
    assert shape is not None
    assert embedder.matcher is not None
    origin = origin_of(gallery)
    north_m, east_m = middle_of(CLOUDED, origin)
    photo = clouded(CLOUDED.photo(ground(1), GSD_M, (640, 480)))
    guess = Guess(north_m=north_m - 18.0, east_m=east_m + 12.0, headings_deg=(20.0,))
    tiles = [match.record for match in matches]
    found = LaidPhoto(photo, shape, embedder.matcher.fine).place_map(guess, tiles, gallery, origin)
    place = max(
        zip(found.ratios().ravel(), *(each.ravel() for each in found.places()), strict=True)
    )
    assert math.hypot(place[1] - north_m, place[2] - east_m) < 6.0
    assert ratio_at([found], north_m, east_m, 3.0) > 10 * ratio_at(
        [found], north_m - 40.0, east_m, 3.0
    )


def test_a_match_without_corresponding_keypoints_has_no_shape(
    gallery: Gallery, embedder: MatchingEmbedder
) -> None:
    flat = Image.new("RGB", (640, 480), (128, 128, 128))
    assert shape_of(localize(flat, gallery, embedder).matches[0]) is None


def expected(north_m: float, share: float = 1.0) -> Expected:
    return Expected(north_m=north_m, east_m=0.0, sigma_m=12.0, share=share)


def test_what_the_photo_says_nothing_about_stays_as_the_neighbours_expect_it() -> None:
    flat = PlaceMap.of(0.0, 0.0, 5.0, np.zeros((25, 25)))
    for maps in ((), (flat,)):
        places = shown_places([expected(0.0, 0.3), expected(40.0, 0.7)], maps)
        assert [place.weight for place in places] == pytest.approx([0.3, 0.7], abs=0.01)
        assert not any(place.is_shown for place in places)
        assert [place.expected.north_m for place in places] == [0.0, 40.0]


def test_what_lies_beyond_the_maps_stays_as_the_neighbours_expect_it() -> None:
    far = Expected(north_m=400.0, east_m=0.0, sigma_m=6.0)
    compared = PlaceMap.of(0.0, 0.0, 5.0, np.zeros((25, 25)))
    (place,) = shown_places([far], [compared])
    assert (place.expected, place.weight, place.is_shown) == (far, 1.0, False)


def test_a_place_that_the_photo_shows_near_the_expected_one_is_taken() -> None:
    log_RR = np.full((25, 25), -1.0)
    log_RR[12 - 3, 12 + 2] = 5.0  # 15 m north, 10 m east
    peaked = PlaceMap.of(0.0, 0.0, 5.0, log_RR)
    first, *rest = shown_places([expected(0.0)], [peaked])
    assert first.is_shown
    assert (first.expected.north_m, first.expected.east_m) == pytest.approx((15.0, 10.0), abs=1.5)
    assert first.expected.sigma_m < 5.0
    assert first.weight > 2 * sum(one.weight for one in rest)


def test_a_map_of_places_keeps_its_ratios_in_little_room() -> None:
    log_RR = np.linspace(-3, 5, 49).reshape(7, 7)
    kept = PlaceMap.of(10.0, -20.0, 4.0, log_RR)
    assert np.log(kept.ratios()) == pytest.approx(log_RR, abs=1 / 32)
    north_RR, east_RR = kept.places()
    assert (north_RR[0, 0], east_RR[0, 0]) == (22.0, -32.0)
    assert ratio_at([kept], 1000.0, 0.0, 3.0) == 1.0
    assert len(kept.code) < 70

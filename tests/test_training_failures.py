"""Pictures of what a search gets wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_samples import ask, save, university_test
from PIL import Image

from training.data.image_sets import ImageSet
from training.evaluation.failures import failures, right_images


def images(role: str, places: str, positions: list[tuple[float, float]] | None = None) -> ImageSet:
    files = tuple(Path(f"{role}{row}.jpg") for row in range(len(places)))
    where = None if positions is None else tuple(positions)
    return ImageSet(role=role, view="drone", files=files, places=tuple(places), positions=where)


def test_of_each_place_the_failure_of_largest_lead_counts_and_the_worst_comes_first() -> None:
    query, gallery = images("q", "aabcx"), images("g", "abc")
    scores_QG = np.float32(
        [[0.5, 0.6, 0.1], [0.2, 0.6, 0.5], [0.1, 0.9, 0.2], [0.3, 0.95, 0.9], [1, 0, 0]]
    )
    found = failures(query, gallery, scores_QG, right_images(query, gallery, None))
    assert [each.query.name for each in found] == ["q1.jpg", "q3.jpg"]
    assert [each.found.name for each in found] == ["g1.jpg", "g1.jpg"]
    assert [each.right.name for each in found] == ["g0.jpg", "g2.jpg"]
    assert [each.rank for each in found] == [3, 2]
    assert [each.lead for each in found] == pytest.approx([0.4, 0.05])


def test_with_a_distance_near_images_are_right_whatever_their_place() -> None:
    query = images("q", "a", [(50.0, 14.0)])
    gallery = images("g", "bc", [(50.0002, 14.0), (50.01, 14.0)])  # 22 m and 1,112 m away
    assert right_images(query, gallery, 25.0).tolist() == [[True, False]]
    assert right_images(query, gallery, 2000.0).tolist() == [[True, True]]


def test_the_sheet_shows_a_photo_that_is_of_another_place(
    tmp_path: Path, tiny_weights: Path
) -> None:
    root = university_test(tmp_path / "data", views=1)
    save(root / "test/query_drone/0000/image-00.JPEG", 1)
    options = ("--weights", tiny_weights, "--workers", 0, "--no-cache", "--matcher", "none")
    ask(
        "failures", root, "--out", tmp_path / "sheet.png", "--json", tmp_path / "all.json", *options
    )
    found = json.loads((tmp_path / "all.json").read_text())["failures"]
    assert "query_drone/0000/image-00.JPEG" in found[0]["query"]
    assert found[0]["found"].endswith("0001/0001.jpg")
    assert found[0]["right"].endswith("0000/0000.jpg")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > sheet.height


def test_a_sheet_that_cannot_be_written_is_one_line(tmp_path: Path, tiny_weights: Path) -> None:
    root = university_test(tmp_path / "data", views=1)
    save(root / "test/query_drone/0000/image-00.JPEG", 1)
    options = ("--weights", tiny_weights, "--workers", 0, "--no-cache", "--matcher", "none")
    said = ask("failures", root, "--out", tmp_path / "sheet.xyz", *options, code=1)
    assert "give a .jpg or .png" in said
    assert len(said.strip().splitlines()) <= 3

"""Scores through the command line, on small data sets and an untrained network."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_samples import ask, save, university_test

from model.descriptor_model import FusedQuery
from training.data.image_sets import ImageSet
from training.evaluation.evaluation import EmbeddedQueries, fused_queries


@pytest.fixture(scope="module")
def university(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return university_test(tmp_path_factory.mktemp("university"), views=3)


def figures(out: Path, *arguments: object) -> dict[str, Any]:
    ask(*arguments, "--json", out, "--workers", 0, "--cache", out.parent / "cache")
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_the_protocol_is_named_and_decides_the_gallery(
    university: Path, tmp_path: Path, tiny_weights: Path
) -> None:
    for protocol, gallery in (("full", 4), ("query-ids-only", 3)):
        found = figures(
            tmp_path / "a.json", university, "--weights", tiny_weights, "--protocol", protocol
        )
        assert found["protocol"] == protocol
        assert found["layout"] == "University-1652"
        there = found["results"]["drone→satellite"]
        assert (there["queries"], there["gallery"]) == (9, gallery)
        assert found["results"]["satellite→drone"]["queries"] == 3


def test_multi_query_asks_once_per_group(
    university: Path, tmp_path: Path, tiny_weights: Path
) -> None:
    found = figures(tmp_path / "a.json", university, "--weights", tiny_weights, "--multi-query", 3)
    assert found["results"]["drone→satellite"]["queries"] == 3


def test_views_are_averaged_over_the_whole_flight() -> None:
    images = ImageSet.of("query", "drone", {"a": [Path(f"{n}.jpg") for n in range(4)]})
    rows = np.float32([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.6, 0.8]])
    queries = [FusedQuery(row_D[None], 1.0) for row_D in rows]
    fused = fused_queries(EmbeddedQueries(images=images, queries=queries), 2)
    half = 0.5**0.5
    expected = [[half, half], [0.6, 0.8]]
    found = [query.descriptors_SD[0] for query in fused.queries]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert fused.images.places == ("a", "a")


@pytest.mark.parametrize(
    ("study", "conditions"),
    [
        ("distance", ["long", "middle", "short"]),
        ("views", ["1", "2", "3"]),
        ("flip", ["one pass", "with mirrored pass"]),
        ("shift", ["0 px", "10 px", "20 px", "30 px", "40 px", "50 px", "60 px"]),
        ("mirror", ["as taken", "mirrored"]),
    ],
)
def test_a_study_scores_every_condition(
    university: Path, tmp_path: Path, tiny_weights: Path, study: str, conditions: list[str]
) -> None:
    found = figures(tmp_path / "a.json", university, "--weights", tiny_weights, "--by", study)
    assert list(found["results_by"]) == conditions
    for scores in found["results_by"].values():
        assert 0 <= scores["drone→satellite"]["recall"]["1"] <= 100


def test_an_unknown_study_lists_the_known(university: Path) -> None:
    assert "distance, height" in ask(university, "--by", "mood", code=2)


def test_positions_give_metres_and_heights(
    university: Path, tmp_path: Path, tiny_weights: Path
) -> None:
    root = tmp_path / "placed"
    shutil.copytree(university, root)
    lines = ["path,id,view,latitude,longitude,altitude_m"]
    for file in sorted((root / "test").rglob("*.[jJ]*")):
        role, place = file.parent.parent.name, file.parent.name
        view = role.split("_")[1]
        height = 100 * (1 + int(file.stem[-1])) if view == "drone" else ""
        path = file.relative_to(root)
        lines.append(f"{path},{place},{view},{47 + int(place)},8.0,{height}")
    (root / "gps.csv").write_text("\n".join(lines) + "\n")
    found = figures(tmp_path / "a.json", root, "--weights", tiny_weights, "--within-m", 5)
    there = found["results"]["drone→satellite"]
    hit = there["recall"]["1"]
    assert there["metres"]["recall_within_percent"] == pytest.approx(hit)
    assert there["metres"]["m_95_percent"] < 334_000
    by_height = figures(tmp_path / "a.json", root, "--weights", tiny_weights, "--by", "height")
    assert list(by_height["results_by"]) == ["100 m", "200 m", "300 m"]


def test_a_second_report_embeds_nothing(
    university: Path, tmp_path: Path, tiny_weights: Path
) -> None:
    arguments = [university, "--weights", tiny_weights, "--workers", 0, "--cache", tmp_path / "c"]
    first, second = ask(*arguments), ask(*arguments, "--by", "views")
    assert "embedding query_drone" in first
    assert "embedding" not in second
    assert "embedding" in ask(*arguments, "--flip")
    turned = ask(*arguments, "--gallery-turns", 4)
    assert "embedding gallery_satellite" in turned
    assert "embedding query" not in turned
    turned = ask(*arguments, "--query-turns", 4)
    assert "embedding query_drone" in turned
    nearer = ask(*arguments, "--query-turns", 4, "--turn-zoom", 0.75)
    assert "embedding query_drone" in nearer


def test_a_replaced_image_is_embedded_again(tmp_path: Path, tiny_weights: Path) -> None:
    root = university_test(tmp_path / "u")
    arguments = [root, "--weights", tiny_weights, "--workers", 0, "--cache", tmp_path / "c"]
    ask(*arguments)
    save(root / "test/query_drone/0000/image-00.JPEG", 99)
    again = ask(*arguments)
    assert "embedding query_drone" in again
    assert "embedding gallery" not in again


def test_an_unreadable_image_is_named_in_one_line(tmp_path: Path, tiny_weights: Path) -> None:
    root = university_test(tmp_path)
    (root / "test/query_drone/0001/image-01.JPEG").write_bytes(b"no picture")
    output = ask(root, "--weights", tiny_weights, "--workers", 0, "--no-cache", code=1)
    assert "0001/image-01.JPEG" in output.splitlines()[-1]


def test_overhead_years_ask_each_other_and_positions_are_judged(
    tmp_path: Path, tiny_weights: Path
) -> None:
    lines = ["file,lat,lon,date,pair_id"]
    for place in range(4):
        for year in (2016, 2020):
            name = f"town/p{place}_{year}.jpg"
            save(tmp_path / name, place)
            lines.append(f"{name},{40 + place},-100,{year},pair{place}")
    save(tmp_path / "other/x_2016.jpg", 9)
    lines.append("other/x_2016.jpg,10,10,2016,")
    (tmp_path / "index.csv").write_text("\n".join(lines) + "\n")
    years = ["--include", "town", "--gallery-year", 2016, "--query-year", 2020, "--views", 2]
    found = figures(tmp_path / "a.json", "overhead", tmp_path, "--weights", tiny_weights, *years)
    score = found["results"]["flown→overhead"]
    assert (score["queries"], score["gallery"]) == (8, 4)
    assert score["metres"]["recall_within_percent"] == pytest.approx(score["recall"]["1"])
    warped = figures(
        tmp_path / "b.json", "overhead", tmp_path, "--weights", tiny_weights, *years,
        "--zoom", "0.5,2", "--shift", 0.1, "--colour", 0.7,
    )  # fmt: skip
    assert warped["test"]["warps"]["zoom"] == [0.5, 2.0]
    assert warped["test"]["colour"] == 0.7
    output = ask("overhead", tmp_path, "--zoom", "2,0.5", code=2)
    assert "FROM,TO" in output
    output = ask("overhead", tmp_path, "--weights", tiny_weights, "--query-year", 1999, code=1)
    assert "1999" in output


def test_without_an_index_every_image_finds_itself(tmp_path: Path, tiny_weights: Path) -> None:
    for place in range(5):
        save(tmp_path / f"{place}.png", place)
    found = figures(tmp_path / "a.json", "overhead", tmp_path, "--weights", tiny_weights)
    score = found["results"]["flown→overhead"]
    assert (score["queries"], score["gallery"]) == (5, 5)
    assert "metres" not in score

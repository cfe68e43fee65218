"""Weights for own ground: parts that share nothing, own photos, never worse than before."""

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from photo_samples import DJI, photo, xmp
from PIL import Image
from rasterio.transform import Affine
from typer.testing import CliRunner

from indexer.geo import distance_m
from model.checkpoint import load_checkpoint, save_checkpoint
from model.config import ModelConfig
from model.embedder import Embedder
from model.network import SafeNet
from training.adaptation.adapt import HeldOutScore, best_share, kept_reason
from training.adaptation.candidates import write_candidate
from training.adaptation.confidence import fit_confidence
from training.adaptation.parts import LocatedPlace, split
from training.adaptation.photos import write_photo_places
from training.commands.train import train_app
from training.data.places import Place
from training.data.training_data import training_places
from training.errors import DataError

LATITUDE, LONGITUDE = -33.5, 151.25
PER_DEGREE_M = 111_320.0


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(train_app, [str(part) for part in arguments])
    return result.exit_code, result.output


HERE = {"GpsLatitude": str(LATITUDE), "GpsLongitude": str(LONGITUDE)}
"""Metadata of a photo above the middle of the map."""


def orthophoto(path: Path, pixels_HW3: np.ndarray, gsd_m: float = 0.5) -> Path:
    """A map in degrees about LATITUDE, LONGITUDE."""
    height, width = pixels_HW3.shape[:2]
    north = gsd_m / PER_DEGREE_M
    east = north / math.cos(math.radians(LATITUDE))
    corner = Affine(east, 0, LONGITUDE - width / 2 * east, 0, -north, LATITUDE + height / 2 * north)
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=3, dtype="uint8",
        crs="EPSG:4326", transform=corner,
    ) as file:  # fmt: skip
        file.write(np.moveaxis(pixels_HW3, -1, 0))
    return path


@pytest.fixture(scope="module")
def textured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of 200 x 160 m, a different coloured pattern at each place."""
    drawn = np.random.default_rng(5).integers(0, 255, (40, 32, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(drawn).resize((320, 400), Image.Resampling.BICUBIC))
    return orthophoto(tmp_path_factory.mktemp("map") / "ground.tif", pixels)


def grid(rows: int, columns: int, step_m: float) -> list[LocatedPlace]:
    east = step_m / PER_DEGREE_M / math.cos(math.radians(LATITUDE))
    return [
        LocatedPlace(
            place=Place(place_id=f"{row}-{column}", satellite=(), drone=()),
            position=(LATITUDE + row * step_m / PER_DEGREE_M, LONGITUDE + column * east),
        )
        for row in range(rows)
        for column in range(columns)
    ]


@pytest.mark.parametrize(("rows", "columns"), [(12, 8), (8, 12)])
def test_no_tile_of_one_part_overlaps_a_tile_of_another(rows: int, columns: int) -> None:
    span_m = 100.0
    parts = split(grid(rows, columns, step_m=60.0), span_m)
    assert min(len(parts.choose), len(parts.report)) >= 8
    assert len(parts.train) >= 24
    for one, other in ((parts.train, parts.choose), (parts.train, parts.report)):
        for a in one:
            for b in other:
                (north_a, east_a), (north_b, east_b) = a.position, b.position
                north_m = abs(north_a - north_b) * PER_DEGREE_M
                east_m = abs(east_a - east_b) * PER_DEGREE_M * math.cos(math.radians(LATITUDE))
                assert max(north_m, east_m) >= span_m - 0.1


def test_a_ground_too_small_for_three_parts_is_refused_with_the_numbers() -> None:
    with pytest.raises(DataError, match=r"9 places of 100 m: .* use a smaller --span"):
        split(grid(3, 3, step_m=60.0), 100.0)


def test_photos_lie_on_tiles_of_the_ground_that_they_show(textured: Path, tmp_path: Path) -> None:
    oblique = HERE | {"GimbalPitchDegree": "-45.0", "GimbalYawDegree": "90.0"}
    folder = tmp_path / "flights"
    photo(folder / "a.jpg", packet=xmp(DJI | HERE))
    photo(folder / "b.jpg", packet=xmp(DJI | HERE), seed=2)
    photo(folder / "oblique.jpg", packet=xmp(DJI | oblique), seed=3)
    photo(folder / "flat.jpg", packet=xmp(DJI | HERE | {"GimbalPitchDegree": "-20.0"}))
    photo(folder / "bare.jpg")
    photo(folder / "away.jpg", packet=xmp(DJI | HERE | {"GpsLatitude": "-34.0"}))
    made = write_photo_places(folder, textured, tmp_path / "out", span_m=40.0, gsd_m=0.5)
    assert (made.places, made.images) == (2, 3)
    assert made.left_out == {
        "flatter than 35 degrees below the horizon": 1,
        "without a position": 1,
        "outside of the map": 1,
    }
    assert [len(place.drone) for place in training_places(tmp_path / "out")] == [2, 1]
    with (tmp_path / "out" / "gps.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    middles = {
        line["id"]: (float(line["latitude"]), float(line["longitude"]))
        for line in lines
        if line["view"] == "satellite"
    }
    assert distance_m(*middles["photo0001"], LATITUDE, LONGITUDE) < 0.01
    # The oblique one looks east from 50 m at 45 degrees: at ground 50 m to the east.
    east = LONGITUDE + 50.0 / PER_DEGREE_M / math.cos(math.radians(LATITUDE))
    assert distance_m(*middles["photo0002"], LATITUDE, east) < 0.5


def test_photos_of_which_none_can_be_used_are_refused_with_the_reasons(
    textured: Path, tmp_path: Path
) -> None:
    photo(tmp_path / "flights" / "bare.jpg")
    with pytest.raises(DataError, match="none of 1 photos can be used \\(1 without a position\\)"):
        write_photo_places(tmp_path / "flights", textured, tmp_path / "out", span_m=40.0, gsd_m=0.5)


def test_a_candidate_lies_between_both_weights(tmp_path: Path) -> None:
    config = ModelConfig(backbone="test_efficientnet", input_size=128, embedding_dim=16)
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        card = {"calibration": {"bias": 1.0}, "licence": "open"}
        save_checkpoint(path, SafeNet(config).eval(), card)
    start, tuned = map(load_checkpoint, paths)
    out = tmp_path / "quarter.safetensors"
    write_candidate(start, tuned, 0.25, [], out, notes={"adapted_to": "here"})
    found = load_checkpoint(out)
    for key, value in found.state.items():
        expected = 0.75 * start.state[key].double() + 0.25 * tuned.state[key].double()
        torch.testing.assert_close(value.double(), expected, atol=2e-3, rtol=1e-3)
    assert found.card == {"licence": "open", "adapted_to": "here"}


OPTIONS = ("--span", 20, "--places", 60, "--views", 1, "--workers", 1)


def test_a_run_never_writes_worse_weights_and_goes_on_where_it_was(
    textured: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    photo(tmp_path / "flights" / "a.jpg", packet=xmp(DJI | HERE))
    photo(tmp_path / "flights" / "bare.jpg")
    arguments = ["adapt", textured, "--out", out, "--weights", tiny_weights, *OPTIONS]
    arguments += ["--photos", tmp_path / "flights"]
    code, output = invoke(*arguments, "--epochs", 2)
    assert code == 0, output
    report = json.loads((out / "report.json").read_text())
    # Untrained weights find nothing, before and after two steps: so they are kept.
    assert report["kept_start"]
    assert kept_reason(report["share"]) in output
    assert report["photos"] == {"places": 1, "images": 1, "left_out": {"without a position": 1}}
    weights = out / "adapted.safetensors"
    assert weights.read_bytes() == tiny_weights.read_bytes()
    assert Embedder.load(weights).runtime.name.startswith("openvino")

    images = [*(out / "places").rglob("*.jp*g"), *(out / "photos").rglob("*.jp*g")]
    written = {file: file.stat().st_mtime_ns for file in images}
    code, again = invoke(*arguments, "--epochs", 2)
    assert code == 0, again
    assert {file: file.stat().st_mtime_ns for file in written} == written
    assert json.loads((out / "report.json").read_text()) == report
    code, refused = invoke(*arguments, "--epochs", 3)
    assert code == 1
    assert "holds an adaptation of other settings" in refused

    candidate = out / "candidates" / "share-100.safetensors"
    assert Embedder.load(candidate).calibration is None
    queries = sorted((out / "places" / "train" / "drone").rglob("*.jpeg"))
    fit_confidence(candidate, out / "places", queries, tmp_path / "scratch", away_m=30.0)
    assert Embedder.load(candidate).calibration is not None
    assert load_checkpoint(candidate).card["adapted_from"]["share"] == 0.0
    assert not (tmp_path / "scratch").exists()


def test_of_equally_good_weights_those_nearest_to_the_start_are_chosen() -> None:
    assert best_share({0.0: 50.0, 0.25: 60.0, 0.5: 60.0, 1.0: 55.0}) == 0.25
    assert best_share({0.0: 60.0, 0.5: 60.0}) == 0.0


def test_the_reason_for_keeping_the_weights_says_where_the_mean_was_worse() -> None:
    assert kept_reason(0.0) == "no mean was better at the end that chooses"
    assert "75 % fine-tuned was better" in kept_reason(0.75)


def test_a_gain_that_costs_the_other_figure_does_not_hold() -> None:
    before = HeldOutScore(choose=40.0, descriptor=50.0, reranked=90.0)
    assert dataclasses.replace(before, descriptor=70.0).holds_against(before)
    assert not dataclasses.replace(before, descriptor=70.0, reranked=89.0).holds_against(before)


def test_photos_over_a_mesh_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mesh.glb").write_bytes(b"")
    arguments = ("adapt", tmp_path / "mesh.glb", "--out", tmp_path / "run", "--photos", tmp_path)
    code, output = invoke(*arguments)
    assert code == 1
    assert "photos need a map" in output

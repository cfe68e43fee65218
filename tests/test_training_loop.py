"""Training through the command line on a small real data set: it learns, resumes, refuses."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from model.checkpoint import load_checkpoint
from training.commands.train import train_app
from training.data.training_data import training_places
from training.errors import DataError, RecipeError
from training.learning.loading import draw_epoch
from training.learning.recipes import recipe

TINY = [
    "--set=model.backbone=test_efficientnet",
    "--set=model.input_size=128",
    "--set=model.embedding_dim=16",
    "--set=pretrained=none",
    "--set=precision=full",
    "--workers=0",
]


def scene(place: int, view: int) -> Image.Image:
    blocks = np.random.default_rng(place).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(blocks).resize((140, 140), Image.Resampling.NEAREST)
    return picture.rotate(3 * view).crop((6, 6, 134, 134))


@pytest.fixture(scope="module")
def university(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six places to train on and four to test on, in University-1652's layout."""
    root = tmp_path_factory.mktemp("university")
    roles = {
        "train/satellite": (range(6), 1),
        "train/drone": (range(6), 3),
        "test/query_drone": (range(6, 9), 2),
        "test/gallery_drone": (range(6, 10), 2),
        "test/query_satellite": (range(6, 9), 1),
        "test/gallery_satellite": (range(6, 10), 1),
    }
    for role, (places, views) in roles.items():
        for place in places:
            folder = root / role / f"{place:04d}"
            folder.mkdir(parents=True)
            for view in range(views):
                scene(place, view).save(folder / f"image-{view:02d}.JPEG")
    return root


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(train_app, [str(part) for part in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("name", ["paper", "modern"])
def test_the_loss_falls_and_weights_with_a_card_are_written(
    university: Path, tmp_path: Path, name: str
) -> None:
    more = ["--set=batch=6", "--set=passes=8"] if name == "modern" else ["--set=batch=8"]
    code, _ = run(university, "--out", tmp_path, "--recipe", name, *more, "--set=epochs=6", *TINY)
    assert code == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["loss"] < lines[0]["loss"]
    card = load_checkpoint(tmp_path / "weights.safetensors").card
    assert card["recipe"]["name"] == name
    assert len(card["data_digest"]) == 64


def test_a_killed_run_resumes_to_the_weights_of_an_unbroken_one(
    university: Path, tmp_path: Path
) -> None:
    common = [university, "--recipe=paper", "--set=epochs=8", *TINY]
    assert run(*common, "--out", tmp_path / "whole")[0] == 0
    broken = [str(part) for part in (*common, "--out", tmp_path / "broken")]
    code = "from training.commands.train import train_app; train_app()"
    process = subprocess.Popen([sys.executable, "-c", code, *broken], stderr=subprocess.DEVNULL)
    log = tmp_path / "broken" / "log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "broken" / "weights.safetensors").exists()
    assert run(*broken, "--resume")[0] == 0
    whole = load_checkpoint(tmp_path / "whole" / "weights.safetensors").state
    resumed = load_checkpoint(tmp_path / "broken" / "weights.safetensors").state
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_run_that_began_before_a_setting_existed_goes_on(
    university: Path, tmp_path: Path
) -> None:
    common = [university, "--out", tmp_path, "--recipe=modern", "--set=batch=6", *TINY]
    assert run(*common, "--set=epochs=1")[0] == 0
    last = tmp_path / "last.ckpt"
    state = torch.load(last, weights_only=True)
    known = json.loads(state["recipe"])
    assert known.pop("head_whitening") == "pairs"
    torch.save(state | {"recipe": json.dumps(known)}, last)
    (tmp_path / "weights.safetensors").unlink()
    assert run(*common, "--set=epochs=1", "--resume")[0] == 0
    assert (tmp_path / "weights.safetensors").exists()


def test_a_run_is_never_overwritten(university: Path, tmp_path: Path) -> None:
    common = [university, "--out", tmp_path, "--set=epochs=1", *TINY]
    assert run(*common)[0] == 0
    code, output = run(*common)
    assert code == 1
    assert "--resume" in output


def test_the_papers_175_steps_and_multiple_sampling(university: Path) -> None:
    places = training_places(university) * 117
    draws = draw_epoch(places[:701], recipe("paper").sampling, torch.Generator().manual_seed(0))
    assert len(draws) // 8 == 175
    assert all(a.place == b.place for a, b in zip(draws[::2], draws[1::2], strict=True))
    assert len({draw.place for draw in draws}) == 701


def test_ranks_draw_disjoint_places(university: Path) -> None:
    places = training_places(university)
    seen = [
        {
            draw.place
            for draw in draw_epoch(
                places, recipe("paper").sampling, torch.Generator().manual_seed(5), rank, 2
            )
        }
        for rank in (0, 1)
    ]
    assert seen[0] & seen[1] == set()
    assert len(seen[0]) == len(seen[1]) == 3


def test_flights_may_outweigh_flat_places_without_doubles_in_a_round(university: Path) -> None:
    flown = training_places(university)
    flat = [dataclasses.replace(place, flat=True) for place in flown * 2]
    mixed = recipe("modern", ["flight_weight=4"]).sampling
    draws = draw_epoch([*flown, *flat], mixed, torch.Generator().manual_seed(2))
    count = Counter(draw.place for draw in draws)
    assert [count[number] for number in range(18)] == [4] * 6 + [1] * 12
    assert len({draw.place for draw in draws[:9]}) == 9


def test_a_place_without_a_drone_image_is_named(university: Path, tmp_path: Path) -> None:
    (tmp_path / "train" / "satellite" / "0042").mkdir(parents=True)
    scene(1, 0).save(tmp_path / "train" / "satellite" / "0042" / "0042.jpg")
    (tmp_path / "train" / "drone" / "0001").mkdir(parents=True)
    scene(1, 0).save(tmp_path / "train" / "drone" / "0001" / "image-01.jpeg")
    with pytest.raises(DataError, match="0042 has no drone image"):
        training_places(tmp_path)


def test_an_unreadable_image_is_named_in_one_line(university: Path, tmp_path: Path) -> None:
    data = tmp_path / "flat"
    data.mkdir()
    for place in range(4):
        scene(place, 0).save(data / f"{place}.png")
    (data / "2.png").write_bytes(b"not a picture")
    code, output = run(data, "--out", tmp_path / "run", "--recipe=modern", "--set=batch=4", *TINY)
    assert code == 1
    assert "2.png" in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("batch=1", "at least 2"),
        ("colour=blue", "no such setting"),
        ("epochs=many", "not a int"),
        ("model.parts=3", "1, 2, 4 or 8"),
        ("epochs", "key=value"),
    ],
)
def test_a_bad_change_is_refused(change: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe("paper", [change])


def test_every_setting_can_be_changed_by_its_name_alone() -> None:
    values = {
        "pretrained": "none", "frozen_stages": 2, "loss": "infonce", "metric_loss": "none",
        "auxiliary_cross_entropy": 0.5, "head_reduction": "sum", "label_smoothing": 0.2,
        "temperature": 0.1, "augmentation": "strong", "appearance": "two-sources",
        "one_source_pairs": 0.2, "palettes": 7, "bad_weather": 0.25, "batch": 6, "repeats": 1,
        "joint_batch": "true", "head_whitening": "pairs",
        "flight_weight": 3, "hard_negatives": 4, "accumulate": 2, "epochs": 9, "passes": 2,
        "optimizer": "adamw", "lr_backbone": 0.1, "lr_localization": 0.2, "lr_rest": 0.3,
        "weight_decay": 0.4, "schedule": "cosine", "milestones": "3,5", "warmup_epochs": 0.5,
        "max_grad_norm": 1.5, "ema_decay": 0.9, "precision": "full", "seed": 4,
        "name": "own", "model.parts": 2,
    }  # fmt: skip
    for order in (1, -1):  # no order of the changes is refused
        changes = [f"{key}={value}" for key, value in values.items()][::order]
        found = recipe("paper", changes).to_dict()
        expected = {**values, "joint_batch": True, "milestones": (3, 5)}
        del expected["model.parts"]
        assert found.pop("model")["parts"] == 2
        assert found == expected


def test_an_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(RecipeError, match="paper, modern"):
        recipe("best")


def test_hard_negatives_put_alike_places_in_a_row(university: Path) -> None:
    places = training_places(university) * 4
    direction = torch.arange(24) % 6  # place n looks like n + 6, n + 12 and n + 18 alone
    descriptors = torch.eye(6)[direction]
    chosen = recipe("modern", ["hard_negatives=4"]).sampling
    draws = draw_epoch(places, chosen, torch.Generator().manual_seed(3), descriptors_ND=descriptors)
    assert sorted(draw.place for draw in draws) == list(range(24))
    runs = [{draw.place % 6 for draw in draws[start : start + 4]} for start in range(0, 24, 4)]
    assert all(len(run) == 1 for run in runs)


def test_a_run_with_hard_negatives(university: Path, tmp_path: Path) -> None:
    changes = ["--set=hard_negatives=2", "--set=batch=4", "--set=epochs=1"]
    code, output = run(university, "--out", tmp_path, "--recipe=modern", *changes, *TINY)
    assert code == 0, output
    assert (tmp_path / "weights.safetensors").is_file()

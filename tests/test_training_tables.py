"""The paper's tables and figures, run through on a small data set with a tiny network."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_samples import ask, save, university_test
from PIL import Image

from model.config import ModelConfig
from model.network import SafeNet
from training.evaluation.sheets import GREEN, RED
from training.learning.recipes import recipe
from training.paper.drawing import aligned, ringed
from training.paper.paper_tables import TABLES
from training.paper.table_runs import operations_g, parameters_m

TINY = [
    "--set=model.backbone=test_efficientnet",
    "--set=model.input_size=128",
    "--set=model.embedding_dim=16",
    "--smoke",
    "--workers=0",
]


@pytest.fixture(scope="module")
def university(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = university_test(tmp_path_factory.mktemp("university"), views=3)
    for place in range(4, 8):
        save(root / f"train/satellite/{place:04d}/a.jpg", place)
        save(root / f"train/drone/{place:04d}/a.jpg", place, 1)
    return root


def test_every_table_of_the_paper_is_there_with_its_rows() -> None:
    rows = {name: len(table.rows) for name, table in TABLES.items()}
    assert rows == {
        "I": 15, "II": 20, "III": 6, "IV": 8, "V": 5, "VI": 8, "VII": 2, "VIII": 14, "IX": 10,
        "X": 2, "F8": 4,
    }  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_a_recipe_that_can_be_made(name: str) -> None:
    for row in TABLES[name].rows:
        if row.changes is not None:
            assert recipe("paper", row.changes).name == "paper"
        assert len(row.paper) in (0, 2, 4)


def test_parameters_are_counted_as_in_table_three() -> None:
    plain = SafeNet(ModelConfig(alignment=False, partition="none"))
    assert f"{parameters_m(plain):.4f}" == "45.9939"


def test_operations_of_a_linear_map_are_multiply_adds_of_a_pair() -> None:
    network = SafeNet(ModelConfig(backbone="test_efficientnet", input_size=128)).eval()
    more = SafeNet(
        ModelConfig(backbone="test_efficientnet", input_size=128, embedding_dim=1024)
    ).eval()
    channels = network.global_head.linear.in_features
    added = 5 * 512 * channels * 2 / 2**30
    assert operations_g(more) - operations_g(network) == pytest.approx(added, rel=1e-6)


def test_tables_three_and_six_run_name_their_facts_and_train_once(
    university: Path, tmp_path: Path
) -> None:
    arguments = ["tables", university, "--out", tmp_path, *TINY]
    output = ask(*arguments, "--which", "III,VI", "--seeds", "0,1")
    assert "Table III" in output
    assert "protocol full" in output
    found = json.loads((tmp_path / "table-III.json").read_text())
    assert found["seeds"] == [0, 1]
    assert len(found["data_digest"]) == 64
    assert [len(row["ours"]) for row in found["rows"]] == [2] * 6
    assert all(0 <= value <= 100 for row in found["rows"] for run in row["ours"] for value in run)
    sixth = json.loads((tmp_path / "table-VI.json").read_text())
    assert sixth["rows"][0]["ours"][0] == found["rows"][3]["ours"][0]
    filled = {int(row["label"][0]): len(row["ours"][0]) for row in sixth["rows"]}
    assert filled == {1: 4, 2: 2, 3: 2, 6: 0, 9: 0, 18: 0, 27: 0, 54: 0}  # 3 views a place
    assert len(list((tmp_path / "runs").iterdir())) == 12
    assert "86.98" in (tmp_path / "table-III.md").read_text()
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")}
    ask(*arguments, "--which", "III", "--seeds", "0,1")
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")} == before


def test_a_table_of_other_data_is_refused(university: Path, tmp_path: Path) -> None:
    output = ask("tables", university, "--which", "II", "--out", tmp_path, code=1)
    assert "needs SUES-200" in output
    assert "choose from I, II" in ask("tables", university, "--which", "XI", code=2)


def test_without_data_the_papers_numbers_are_printed() -> None:
    printed = ask("tables", "--which", "III,VI,VIII")
    for told in ("92.30", "45.9939", "1.871x", "22.8958"):
        assert told in printed


def test_figures_are_pictures(university: Path, tmp_path: Path, tiny_weights: Path) -> None:
    table = tmp_path / "table-F8.json"
    rows = [{"label": [str(n)], "ours": [[n, n + 1, n + 2, n + 3]]} for n in (1, 2, 4, 8)]
    table.write_text(json.dumps({"rows": rows}))
    options = ["--weights", tiny_weights, "--weights", tiny_weights, "--workers", 0]
    options += ["--cache", tmp_path / "c", "--parts-table", table, "--which", "7,8,9,10,11"]
    ask("figures", university, "--out", tmp_path, *options)
    names = sorted(file.name for file in tmp_path.glob("*.png"))
    assert names == [
        "figure-10.png",
        "figure-11-drone-to-satellite.png",
        "figure-11-satellite-to-drone.png",
        "figure-7.png",
        "figure-8.png",
        "figure-9.png",
    ]
    board = np.asarray(Image.open(tmp_path / "figure-11-drone-to-satellite.png")).reshape(-1, 3)
    colours = {tuple(colour) for colour in np.unique(board, axis=0).tolist()}
    for frame in (GREEN, RED):
        assert tuple(int(frame[i : i + 2], 16) for i in (1, 3, 5)) in colours


def test_the_aligned_picture_is_what_the_network_samples() -> None:
    """Against grid_sample, which the network uses on its map."""
    noise = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((128, 128), Image.Resampling.BICUBIC)
    theta = np.array([[0.5, 0.1, 0.2], [-0.1, 0.6, -0.1]], dtype=np.float32)
    source = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float()
    grid = torch.nn.functional.affine_grid(
        torch.from_numpy(theta)[None], [1, 3, 128, 128], align_corners=False
    )
    expected = torch.nn.functional.grid_sample(source, grid, align_corners=False)[0]
    found = torch.from_numpy(np.asarray(aligned(image, theta)).copy()).permute(2, 0, 1).float()
    assert (found - expected).abs().max() < 3


def test_rings_lie_at_their_shares() -> None:
    drawn = np.asarray(ringed(Image.new("RGB", (80, 80)), (0.5,)))
    lit = np.argwhere(drawn[40, :, 0] > 0)
    assert lit.min() == 20
    assert lit.max() == 59

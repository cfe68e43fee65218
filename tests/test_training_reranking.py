"""Local features in training and evaluation: the whitening that is fitted, and the re-ranking."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_samples import ask, training_pairs, university_test
from typer.testing import CliRunner

from model.checkpoint import load_checkpoint, save_checkpoint
from model.config import ModelConfig
from model.descriptor_model import FusedQuery
from model.local_features import cells
from model.network import SafeNet
from model.normalisation import normalise, unit_range
from model.verification import VERIFIED, agreement, combined, quantised
from model.views import unit_cells
from training.commands.ship import app
from training.data.image_sets import ImageSet
from training.data.training_data import training_places
from training.evaluation.embedding import GalleryArrays
from training.evaluation.evaluation import EmbeddedGallery, EmbeddedQueries, score_matrix
from training.learning.learner import build_learner
from training.learning.loading import FileDataset
from training.learning.recipes import recipe
from training.learning.whitening import fit_whitening

CONFIG = ModelConfig(backbone="test_efficientnet", input_size=128, embedding_dim=16, local_dim=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_pairs(tmp_path_factory.mktemp("pairs"))


def test_whitened_cells_have_no_mean_and_unit_variance(data: Path) -> None:
    torch.manual_seed(0)
    network = SafeNet(CONFIG).train()
    places = training_places(data)
    fit_whitening(network, places)
    assert network.training
    files = [file for place in places for file in (place.satellite[0], place.drone[0])]
    pixels = torch.stack([FileDataset(files, 128)[index] for index in range(len(files))])
    with torch.inference_mode():
        features, _ = network.eval().features(normalise(unit_range(pixels), CONFIG.normalisation))
        assert network.local is not None
        white = network.local(features).reshape(-1, CONFIG.local_dim)
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(8), atol=1e-2, rtol=0)
    covariance = torch.cov(white.T, correction=0)
    torch.testing.assert_close(covariance, torch.eye(8), atol=0.05, rtol=0)
    assert cells(features).shape == (12, 49, features.shape[1])


def test_weights_without_whitening_begin_a_run_that_has_it(
    tiny_weights: Path, tmp_path: Path
) -> None:
    changes = [f"model.{name}" for name in ("backbone=test_efficientnet", "input_size=128")]
    changes += ["model.embedding_dim=16", "model.normalisation=imagenet"]
    learner = build_learner(recipe("modern", changes), 4, tiny_weights)
    begun = load_checkpoint(tiny_weights).state["global_head.linear.weight"]
    assert learner.network.local is not None
    assert torch.equal(learner.network.state_dict()["global_head.linear.weight"], begun)
    again = tmp_path / "with.safetensors"
    save_checkpoint(again, learner.network, {})
    plain = build_learner(recipe("modern", [*changes, "model.local_dim=0"]), 4, again)
    assert plain.network.local is None


def test_shipping_fits_the_whitening_to_training_data(
    data: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    told = [str(part) for part in (tiny_weights, out, "--local-from", data)]
    result = CliRunner().invoke(app, told)
    assert result.exit_code == 0, result.output
    checkpoint = load_checkpoint(out)
    assert checkpoint.config.local_dim == 64
    assert checkpoint.state["local.projection_CE"].abs().sum() > 0
    checkpoint.network()
    missing = CliRunner().invoke(app, [*told[:-1], str(tmp_path / "none")])
    assert missing.exit_code == 1
    assert "is not a folder" in missing.output


def test_the_best_are_ranked_by_both_scores_and_the_others_stay_behind() -> None:
    generator = np.random.default_rng(0)
    count = VERIFIED + 5
    local = unit_cells(generator.normal(size=(count + 2, 49 * 8)).astype(np.float32))
    descriptors = generator.normal(size=(count + 2, 16)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    queries = [FusedQuery(descriptors[n : n + 1], 1.0, local[n][None, None]) for n in range(2)]
    rows = GalleryArrays(
        descriptors_ND=descriptors[2:].astype(np.float16), local_NL=quantised(local[2:])
    )
    images = [ImageSet.of("any", "drone", {"a": [Path("x")] * n}) for n in (2, count)]
    found = score_matrix(
        EmbeddedQueries(images=images[0], queries=queries),
        EmbeddedGallery(images=images[1], rows=rows),
        verify=True,
    )
    cosines = descriptors[:2] @ descriptors[2:].astype(np.float16).astype(np.float32).T
    for query in range(2):
        best = (-cosines[query]).argsort()[:VERIFIED]
        agreed = agreement(local[query][None, None], rows.local_NL[best])
        expected = combined(cosines[query, best], agreed.scores_K)
        np.testing.assert_allclose(found[query, best], expected, atol=1e-6)
        others = sorted(set(range(count)) - set(best.tolist()))
        assert found[query, others].max() < found[query, best].min()
        assert (found[query, others].argsort() == cosines[query, others].argsort()).all()


def test_evaluation_verifies_unless_told_not_to(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights, data = tmp_path / "local.safetensors", university_test(tmp_path / "data", views=3)
    save_checkpoint(weights, SafeNet(CONFIG).eval(), {})
    found = {}
    for option in ("--verify", "--no-verify"):
        out = tmp_path / f"{option}.json"
        options = ["--multi-query", 3, "--workers", 0, "--cache", tmp_path / "cache", "--json", out]
        ask(data, "--weights", weights, option, *options)
        found[option] = json.loads(out.read_text())
    assert [found[option]["verified"] for option in found] == [True, False]
    assert all(one["results"]["drone→satellite"]["queries"] == 3 for one in found.values())

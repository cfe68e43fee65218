"""Checkpoints and the embedder: round trip, refusals, descriptors."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional

from model.checkpoint import load_checkpoint, save_checkpoint
from model.config import ModelConfig
from model.descriptor_model import ImageEmbedding
from model.embedder import Embedder
from model.errors import CheckpointError, ConfigError
from model.fusion import fuse, unit_mean
from model.network import SafeNet
from model.runtime.folding import folded
from model.views import make_views


def picture(seed: int, size: tuple[int, int] = (300, 200)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1] // 20, size[0] // 20, 3))
    return Image.fromarray(pixels.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)


def test_descriptors_are_unit_rows_of_any_size_and_mode(tiny_weights: Path) -> None:
    embedder = Embedder.load(tiny_weights, device="cpu")
    images = [picture(0), picture(1, (50, 500)).convert("L"), picture(2, (128, 128))]
    descriptors = embedder.embed(images)
    assert (descriptors.shape, descriptors.dtype) == ((3, 80), np.float32)
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1.0, atol=1e-5)


def test_a_descriptor_does_not_depend_on_its_batch(tiny_weights: Path) -> None:
    embedder = Embedder.load(tiny_weights, device="cpu")
    images = [picture(seed) for seed in range(20)]
    alone = np.concatenate([embedder.embed([image]) for image in images])
    np.testing.assert_allclose(embedder.embed(images), alone, atol=1e-6)


def test_other_turns_are_other_weights_and_a_mixed_pair_of_files_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    paths = [tmp_path / f"{turns}" / "w.safetensors" for turns in (1, 4)]
    for turns, path in zip((1, 4), paths, strict=True):
        config = ModelConfig(
            backbone="test_efficientnet", input_size=128, embedding_dim=16, gallery_turns=turns
        )
        torch.manual_seed(0)
        save_checkpoint(path, SafeNet(config).eval(), {})
    once, turned = (load_checkpoint(path) for path in paths)
    assert once.sha256 != turned.sha256
    assert all(once.state[key].equal(turned.state[key]) for key in once.state)
    paths[0].with_suffix(".json").replace(paths[1].with_suffix(".json"))
    with pytest.raises(CheckpointError, match="differ in configuration"):
        load_checkpoint(paths[1])


@pytest.mark.parametrize("turns", [1, 2, 4])
def test_descriptors_of_either_side_are_the_mean_over_quarter_turns(
    tmp_path: Path, turns: int
) -> None:
    torch.manual_seed(0)
    config = ModelConfig(
        backbone="test_efficientnet", input_size=128, embedding_dim=16, gallery_turns=turns
    )
    save_checkpoint(tmp_path / "w.safetensors", SafeNet(config).eval(), {})
    embedder = Embedder.load(tmp_path / "w.safetensors", device="cpu")
    images = [picture(0, (128, 128)), picture(1, (128, 128))]
    pixels = np.stack([embedder.preprocess(image) for image in images])
    angles = {1: [0], 2: [0, 180], 4: [0, 90, 180, 270]}[turns]
    mean = np.mean([embedder.embed([i.rotate(angle) for i in images]) for angle in angles], axis=0)
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    kept_ND = embedder.embed_gallery_pixels(pixels).descriptors_ND
    np.testing.assert_allclose(kept_ND, expected, atol=1e-5)
    config = dataclasses.replace(config, gallery_turns=1, query_turns=turns)
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "q.safetensors", SafeNet(config).eval(), {})
    asking = Embedder.load(tmp_path / "q.safetensors", device="cpu")
    np.testing.assert_allclose(asking.embed(images), expected, atol=1e-5)


def test_every_second_view_shows_the_middle_zoomed() -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    inner = torch.from_numpy(pixels[..., 4:28, 4:28]).float()
    middle = functional.interpolate(inner, size=32, mode="bilinear").numpy()
    views = make_views(pixels, 4, 0.75)
    assert (views.shape, views.dtype) == ((4, 2, 3, 32, 32), np.uint8)
    for view, expected in enumerate((pixels, middle, pixels, middle)):
        rotated = np.rot90(expected, view, (2, 3))
        assert np.abs(views[view] - rotated.astype(np.float32)).max() <= 0.5 + 1e-3
    assert np.array_equal(make_views(pixels, 1, 0.75)[0], pixels)


@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_resnet", "densenet121"])
def test_folded_batch_norms_change_no_embedding(backbone: str) -> None:
    torch.manual_seed(0)
    network = SafeNet(ModelConfig(backbone=backbone, input_size=128, embedding_dim=16))
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 2.0)
    quick = folded(network.eval(), torch.rand(1, 3, 128, 128))
    left = [module for module in quick.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    pixels = torch.randn(3, 3, 128, 128)
    assert len(left) < len(norms)
    with torch.inference_mode():
        torch.testing.assert_close(quick(pixels), network(pixels), atol=1e-4, rtol=1e-4)


def test_a_convolution_that_is_read_twice_is_not_folded() -> None:
    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4)
            self.norm.running_var.fill_(4.0)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            seen: torch.Tensor = self.convolution(pixels)
            return seen + self.norm(seen)

    network = Twice().eval()
    assert folded(network, torch.rand(1, 3, 8, 8)) is network


def test_no_images_give_no_descriptors(tiny_weights: Path) -> None:
    assert Embedder.load(tiny_weights).embed([]).shape == (0, 80)


def test_the_centre_square_is_what_is_seen(tiny_weights: Path) -> None:
    embedder = Embedder.load(tiny_weights)
    wide = Image.new("RGB", (400, 200), (255, 0, 0))
    wide.paste(picture(3, (200, 200)), (100, 0))
    square = embedder.preprocess(picture(3, (200, 200)))
    assert np.array_equal(embedder.preprocess(wide), square)


def test_fusion_is_the_unit_mean() -> None:
    query = fuse([ImageEmbedding(one) for one in np.eye(2, 4, dtype=np.float32)[:, None, None]])
    np.testing.assert_allclose(query.descriptors_SD, [[0.5**0.5, 0.5**0.5, 0, 0]], atol=1e-6)
    assert query.steadiness == 1.0


def test_a_query_is_the_steadier_the_less_its_turns_differ() -> None:
    turns = np.eye(2, 4, dtype=np.float32)[None]
    same = np.repeat(turns[:, :1], 2, axis=1)
    assert fuse([ImageEmbedding(same)]).steadiness == pytest.approx(1.0)
    assert fuse([ImageEmbedding(turns)]).steadiness == pytest.approx(0.5**0.5)
    both = fuse([ImageEmbedding(turns), ImageEmbedding(same)])
    assert both.steadiness == pytest.approx((1 + 0.5**0.5) / 2)
    expected = unit_mean(turns)[0] + same[0, 0]
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(both.descriptors_SD, expected[None], atol=1e-6)


def test_scales_are_fused_apart() -> None:
    whole, near = np.eye(2, 4, dtype=np.float32)
    query = fuse([ImageEmbedding(np.stack((whole, near))[:, None])])
    np.testing.assert_array_equal(query.descriptors_SD, [whole, near])
    assert query.steadiness == pytest.approx(0.5**0.5)


def test_a_query_asks_at_each_scale_and_a_gallery_image_holds_their_mean(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ModelConfig(
        backbone="test_efficientnet",
        input_size=128,
        embedding_dim=16,
        gallery_turns=4,
        query_turns=4,
        turn_zoom=0.75,
    )
    save_checkpoint(tmp_path / "w.safetensors", SafeNet(config).eval(), {})
    embedder = Embedder.load(tmp_path / "w.safetensors", device="cpu")
    pixels = np.stack([embedder.preprocess(picture(seed, (128, 128))) for seed in (0, 1)])
    shown = make_views(pixels, 4, 0.75)
    plain = dataclasses.replace(config, gallery_turns=1, query_turns=1, turn_zoom=1.0)
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "p.safetensors", SafeNet(plain).eval(), {})
    once = Embedder.load(tmp_path / "p.safetensors", device="cpu")
    passes = [once.embed_gallery_pixels(one).descriptors_ND for one in shown]
    asked = np.stack([seen.descriptors_STD for seen in embedder.embed_query_pixels(pixels)])
    assert asked.shape == (2, 2, 2, 80)
    for number, expected in enumerate(passes):
        np.testing.assert_allclose(asked[:, number % 2, number // 2], expected, atol=1e-5)
    kept = unit_mean(np.stack(passes, axis=1))
    kept_ND = embedder.embed_gallery_pixels(pixels).descriptors_ND
    np.testing.assert_allclose(kept_ND, kept, atol=1e-5)


def test_half_precision_weights_load_as_float32_and_carry_their_card(tmp_path: Path) -> None:
    network = SafeNet(ModelConfig(backbone="test_efficientnet", input_size=128))
    path = tmp_path / "half.safetensors"
    save_checkpoint(path, network, {"metrics": {"r1": 1.5}}, dtype=torch.float16)
    checkpoint = load_checkpoint(path)
    assert checkpoint.card["metrics"] == {"r1": 1.5}
    assert checkpoint.name == "half"
    assert next(checkpoint.network().parameters()).dtype == torch.float32


def test_explanation_is_the_identity_before_training(tiny_weights: Path) -> None:
    explanation = Embedder.load(tiny_weights).explain(picture(4))
    np.testing.assert_allclose(explanation.theta_23, np.eye(2, 3), atol=1e-6)
    assert explanation.ring_half_sides[-1] == 1.0
    assert list(explanation.ring_half_sides) == sorted(explanation.ring_half_sides)
    assert (explanation.heat_HH.min(), explanation.heat_HH.max()) == (0.0, 1.0)


def damaged(weights: Path, folder: Path, damage: str) -> Path:
    """A copy of the weights with one thing wrong."""
    copy = folder / "copy.safetensors"
    data, card = weights.read_bytes(), json.loads(weights.with_suffix(".json").read_text())
    if damage == "cut":
        data = data[: len(data) // 2]
    if damage == "other card":
        card["config"]["embedding_dim"] = 8
    if damage == "unknown setting":
        card["config"]["colour"] = "blue"
    if damage == "newer format":
        card["format"] = 99
    if damage != "missing":
        copy.write_bytes(data)
    if damage == "lost tensor":
        state = load_file(copy)
        state.pop("global_head.linear.bias")
        save_file(state, copy)
    copy.with_suffix(".json").write_text(json.dumps(card))
    return copy


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("missing", "not found"),
        ("cut", "damaged"),
        ("other card", "differ in configuration"),
        ("lost tensor", "do not fit"),
        ("unknown setting", "colour"),
        ("newer format", "format"),
    ],
)
def test_weights_that_cannot_be_used_say_why(
    tiny_weights: Path, tmp_path: Path, damage: str, words: str
) -> None:
    with pytest.raises(CheckpointError, match=words):
        Embedder.load(damaged(tiny_weights, tmp_path, damage))


def test_an_unknown_device_is_refused(tiny_weights: Path) -> None:
    with pytest.raises(ConfigError, match="toaster"):
        Embedder.load(tiny_weights, device="toaster")

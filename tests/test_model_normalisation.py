"""Tones of images before the network: independent of light, bounded for smooth images."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import load_checkpoint, save_checkpoint
from model.config import ModelConfig
from model.embedder import Embedder
from model.exporting import export_onnx, sample_pixels
from model.network import SafeNet
from model.normalisation import GAINS, USUAL_MEAN, USUAL_STD, normalise, usual_tones
from model.runtime.exported import export_path
from model.runtime.torch_runtime import TorchRuntime


def textured() -> torch.Tensor:
    """Two images in 0..1, [2, 3, 32, 32]."""
    noise = np.random.default_rng(3).normal(0.5, 0.06, (2, 3, 32, 32))
    return torch.from_numpy(np.clip(noise, 0, 1).astype(np.float32))


def test_tones_are_brought_to_the_usual_mean_and_contrast() -> None:
    images_N3SS = textured()
    found = usual_tones(images_N3SS).double().numpy()
    for image, raw in zip(found, images_N3SS.double().numpy(), strict=True):
        factor = min(USUAL_STD / np.mean([channel.std() for channel in raw]), GAINS[1])
        for channel, values, usual in zip(image, raw, USUAL_MEAN, strict=True):
            expected = np.clip((values - values.mean()) * factor + usual, 0, 1)
            np.testing.assert_allclose(channel, expected, atol=1e-5)


def test_darker_and_tinted_light_gives_the_same_input() -> None:
    images_N3SS = textured()
    tint_311 = torch.tensor([-0.1, 0.0, 0.12]).view(3, 1, 1)
    changed = normalise(images_N3SS * 1.4 + tint_311 - 0.2, "image")
    # the contrast of both is below the usual one by less than the largest gain
    plain = normalise(images_N3SS * 1.2, "image")
    torch.testing.assert_close(changed, plain, atol=0.02, rtol=0)


def test_a_smooth_image_stays_smooth() -> None:
    smooth = 0.3 + 0.001 * torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    deviation = usual_tones(smooth).std(dim=(2, 3)).max()
    assert float(deviation) == pytest.approx(0.003, rel=0.2)


def test_the_exported_network_brings_tones_itself(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ModelConfig(
        backbone="test_efficientnet", input_size=128, embedding_dim=16, normalisation="image"
    )
    path = tmp_path / "w.safetensors"
    save_checkpoint(path, SafeNet(config).eval(), {"recipe": "none"})
    export_onnx(load_checkpoint(path), export_path(path), half=False)  # compares with PyTorch's
    dark = sample_pixels(128, 4) // 3 + 5
    exported = Embedder.load(path, matcher="none")
    assert exported.runtime.name.startswith("openvino")
    checkpoint = load_checkpoint(path)
    plain = Embedder(checkpoint, TorchRuntime(checkpoint, "cpu"))
    one, other = (each.embed_gallery_pixels(dark).descriptors_ND for each in (exported, plain))
    np.testing.assert_allclose(one, other, atol=1e-4)

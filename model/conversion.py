"""Converts a checkpoint of the authors' released code to our weights.

Their state dict holds a ViT (`loc_model.transformer.*`), a localization net (`loc_net.fc_loc`), and
classifier blocks (`part_classifier1..K`, `global_classifier`) whose class layers a descriptor does
not need. Source: the Safe-Net authors' code.
"""

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from model.checkpoint import save_checkpoint
from model.config import ModelConfig
from model.errors import CheckpointError, ConfigError
from model.files import file_sha256
from model.network import SafeNet

PATCH_PX = 16


def convert(authors: Path, out: Path) -> None:
    """Write the weights of the authors' checkpoint as `out` (.safetensors) with its card.

    Raises:
        CheckpointError: the file is no checkpoint of theirs, or `out` cannot be written.
    """
    network = network_from_authors(read_authors(authors))
    card = {"source": "Safe-Net authors' code", "source_sha256": file_sha256(authors)}
    try:
        save_checkpoint(out, network, card)
    except OSError as error:
        raise CheckpointError(f"{out} cannot be written: {error.strerror}") from error


def read_authors(path: Path) -> dict[str, Tensor]:
    """Their state dict, without the prefixes of DataParallel and of their wrapper.

    Raises:
        CheckpointError: the file is missing, is no state dict, or not of Safe-Net.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} not found") from error
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is no PyTorch state dict: {reason}") from error
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise CheckpointError(f"{path} is no state dict of tensors; save model.state_dict()")
    state = {key.removeprefix("module.").removeprefix("loc_model."): loaded[key] for key in loaded}
    if "loc_net.fc_loc.0.weight" not in state:
        raise CheckpointError(f"{path} is not of the authors' Safe-Net: no loc_net.fc_loc.0.weight")
    return state


def network_from_authors(state: dict[str, Tensor]) -> SafeNet:
    """Our network with their weights, in evaluation mode.

    Raises:
        CheckpointError: a tensor is missing, left over, or of another shape.
    """
    ours = {}
    for key, value in state.items():
        name = _our_name(key)
        if name is not None:
            ours[name] = value
    try:
        network = SafeNet(config_of_authors(state))
        network.load_state_dict(ours, strict=True)
    except (ConfigError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint does not fit: {error}") from error
    return network.eval()


def config_of_authors(state: dict[str, Tensor]) -> ModelConfig:
    """Return the configuration that their tensors show: parts and input size.

    Raises:
        CheckpointError: their variant is not ours.
    """
    parts = sum(
        re.fullmatch(r"part_classifier\d+\.add_block\.0\.weight", key) is not None for key in state
    )
    if parts < 2:
        raise CheckpointError(f"{parts} part classifiers: only block = 2, 4 or 8 has parts")
    if "transformer.pos_embed" not in state:
        raise CheckpointError("no transformer.pos_embed: only the ViT-S of the paper is known")
    tokens = state["transformer.pos_embed"].shape[1] - 1
    return ModelConfig(
        parts=parts,
        input_size=round(tokens**0.5) * PATCH_PX,
        sampler="nearest",
        embedding_dim=state["global_classifier.add_block.0.weight"].shape[0],
    )


_RULES: list[tuple[str, Callable[[re.Match[str]], str | None]]] = [
    (r"transformer\.fc\.\w+", lambda _: None),
    (r"transformer\.(.+)", lambda m: f"backbones.both.network.{m[1]}"),
    (r"loc_net\.fc_loc\.([02]\.\w+)", lambda m: f"alignment.localization.{m[1]}"),
    (r"\w+\.classifier\.0\.\w+", lambda _: None),
    (
        r"part_classifier(\d+)\.add_block\.0\.(\w+)",
        lambda m: f"part_heads.{_index(m)}.linear.{m[2]}",
    ),
    (r"part_classifier(\d+)\.add_block\.1\.(\w+)", lambda m: f"part_heads.{_index(m)}.norm.{m[2]}"),
    (r"global_classifier\.add_block\.0\.(\w+)", lambda m: f"global_head.linear.{m[1]}"),
    (r"global_classifier\.add_block\.1\.(\w+)", lambda m: f"global_head.norm.{m[1]}"),
]
"""Their name → ours; None: the descriptor does not need it."""


def _index(match: re.Match[str]) -> int:
    return int(match[1]) - 1


def _our_name(key: str) -> str | None:
    for pattern, rename in _RULES:
        match = re.fullmatch(pattern, key)
        if match:
            return rename(match)
    raise CheckpointError(f"tensor {key} is unknown: not a checkpoint of the authors' Safe-Net")

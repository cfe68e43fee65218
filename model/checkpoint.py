"""Weights with their tensors: NAME.safetensors, and NAME.json with what they are."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.errors import CheckpointError
from model.files import atomic_file
from model.network import SafeNet
from model.weights_info import FORMAT, WeightsInfo, json_path, read_weights_info


@dataclass(frozen=True, kw_only=True)
class Checkpoint(WeightsInfo):
    """Weights, and what is known about them."""

    state: dict[str, Tensor]

    def network(self) -> SafeNet:
        """Return the network with these weights, in evaluation mode.

        Raises:
            CheckpointError: tensors are missing, left over or of another shape.
        """
        network = SafeNet(self.config)
        floats = {
            key: value.float() if value.is_floating_point() else value
            for key, value in self.state.items()
        }
        try:
            network.load_state_dict(floats, strict=True)
        except RuntimeError as error:
            raise CheckpointError(
                f"weights {self.name} do not fit their configuration: {error}"
            ) from error
        return network.eval()


def save_checkpoint(
    path: Path, network: SafeNet, card: dict[str, Any], *, dtype: torch.dtype = torch.float32
) -> None:
    """Write PATH (.safetensors) and its JSON, each whole or not at all.

    Args:
        path: ends in .safetensors; its stem becomes the weights' name.
        network: what to save.
        card: JSON-ready facts about the weights.
        dtype: of the stored floating-point tensors; float16 halves the file.
    """
    state = {
        key: (value.to(dtype) if value.is_floating_point() else value).cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    config = network.config.to_dict()
    facts = {"format": FORMAT, "name": path.stem, "config": config, **card}
    with atomic_file(path) as partial, atomic_file(json_path(path)) as json_partial:
        save_file(state, partial, metadata={"config": json.dumps(config, sort_keys=True)})
        json_partial.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")


def load_checkpoint(path: Path) -> Checkpoint:
    """Return the weights in a .safetensors file.

    Raises:
        CheckpointError: a file is missing, damaged or of another format.
    """
    info = read_weights_info(path)
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is damaged: {error}; fetch it again") from error
    return Checkpoint(
        name=info.name, config=info.config, sha256=info.sha256, card=info.card, state=state
    )

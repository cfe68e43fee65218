"""Weights on disk: NAME.safetensors with the tensors, NAME.json with what they are.

The JSON holds the model's configuration, and whatever its maker says of it: data digest, commit,
recipe, metrics, calibration.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.config import ModelConfig
from model.errors import CheckpointError, ConfigError
from model.files import atomic_file, file_sha256
from model.network import SafeNet

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Weights and their card."""

    name: str
    config: ModelConfig
    state: dict[str, Tensor]
    sha256: str = ""
    """Of the safetensors file; ties a gallery to the weights that embedded it."""
    card: dict[str, Any] = field(default_factory=dict)
    """Everything else the JSON says: recipe, data, commit, metrics, calibration."""

    def network(self) -> SafeNet:
        """The network with these weights, in evaluation mode.

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
    with atomic_file(path) as partial, atomic_file(_json_path(path)) as json_partial:
        save_file(state, partial, metadata={"config": json.dumps(config, sort_keys=True)})
        json_partial.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")


def load_checkpoint(path: Path) -> Checkpoint:
    """Read weights and card.

    Raises:
        CheckpointError: a file is missing, damaged or of another format.
    """
    if path.suffix != ".safetensors":
        raise CheckpointError(f"weights {path.name}: expected a .safetensors file")
    for file in (path, _json_path(path)):
        if not file.is_file():
            raise CheckpointError(f"{file.name} not found: weights are X.safetensors + X.json")
    try:
        facts = json.loads(_json_path(path).read_text())
        config = ModelConfig.from_dict(facts.pop("config"))
        state = load_file(path)
        _check_same(path, config)
    except (json.JSONDecodeError, KeyError, UnicodeDecodeError, ConfigError) as error:
        raise CheckpointError(f"{_json_path(path).name} is no model card: {error}") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is damaged: {error}; fetch it again") from error
    if facts.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path.name}: unknown format; this version reads format {FORMAT}")
    name = str(facts.pop("name", path.stem))
    return Checkpoint(name=name, config=config, state=state, sha256=file_sha256(path), card=facts)


def _check_same(path: Path, config: ModelConfig) -> None:
    """Check the configuration in both files: it is part of what the weights' SHA-256 covers."""
    with safe_open(path, framework="pt") as tensors:
        written = (tensors.metadata() or {}).get("config")
    if written is not None and ModelConfig.from_dict(json.loads(written)) != config:
        raise CheckpointError(
            f"{path.name} and {_json_path(path).name} differ in configuration; fetch both again"
        )


def _json_path(path: Path) -> Path:
    return path.with_suffix(".json")

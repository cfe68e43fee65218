"""What weights are, read without their tensors: NAME.json beside NAME.safetensors.

The JSON holds the model's configuration and what the maker of the weights wrote down: data digest,
commit, recipe, metrics, calibration.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from model.config import ModelConfig
from model.errors import CheckpointError, ConfigError
from model.files import file_sha256

FORMAT = 1

SHIPPED_WEIGHTS = Path(__file__).parent / "weights" / "safenet-lite0.safetensors"
"""The default weights; `docs/weights.md` says how they were made and what they score."""


@dataclass(frozen=True, kw_only=True)
class WeightsInfo:
    """Name, configuration, identity and card of weights."""

    name: str
    config: ModelConfig
    sha256: str = ""
    """SHA-256 of the safetensors file; ties a gallery to the weights that made it."""
    card: dict[str, Any] = field(default_factory=dict)
    """Everything else that the JSON holds: recipe, data, commit, metrics, calibration."""

    @property
    def calibration(self) -> Mapping[str, float] | None:
        """Score calibration fitted on held-out data, where the weights carry one.

        Raises:
            CheckpointError: the card holds something else under that name.
        """
        calibration = self.card.get("calibration")
        if calibration is not None and not isinstance(calibration, dict):
            raise CheckpointError(f"weights {self.name}: calibration must be an object of numbers")
        return calibration


def read_weights_info(path: Path) -> WeightsInfo:
    """Return what the files of weights say about them.

    Args:
        path: the .safetensors file.

    Raises:
        CheckpointError: a file is missing, damaged or of another format.
    """
    if path.suffix != ".safetensors":
        raise CheckpointError(f"weights {path.name}: expected a .safetensors file")
    for file in (path, json_path(path)):
        if not file.is_file():
            raise CheckpointError(f"{file.name} not found: weights are X.safetensors + X.json")
    try:
        facts = json.loads(json_path(path).read_text())
        config = ModelConfig.from_dict(facts.pop("config"))
        _check_same(path, config)
    except (json.JSONDecodeError, KeyError, UnicodeDecodeError, ConfigError) as error:
        raise CheckpointError(f"{json_path(path).name} is no model card: {error}") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is damaged: {error}; fetch it again") from error
    if facts.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path.name}: unknown format; this version reads format {FORMAT}")
    name = str(facts.pop("name", path.stem))
    return WeightsInfo(name=name, config=config, sha256=file_sha256(path), card=facts)


def _check_same(path: Path, config: ModelConfig) -> None:
    """Refuse two files of different weights; the SHA-256 covers the configuration as well."""
    with safe_open(path, framework="np") as tensors:
        written = (tensors.metadata() or {}).get("config")
    if written is not None and ModelConfig.from_dict(json.loads(written)) != config:
        raise CheckpointError(
            f"{path.name} and {json_path(path).name} differ in configuration; fetch both again"
        )


def json_path(path: Path) -> Path:
    """Return the path of the card beside a weights file."""
    return path.with_suffix(".json")

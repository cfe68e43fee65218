"""Exported networks: NAME.onnx beside NAME.safetensors, and NAME.onnx.json that ties both.

`safenet-export` writes them. Nothing here needs PyTorch.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from model.errors import CheckpointError, ConfigError
from model.files import file_sha256, write_atomically
from model.weights_info import WeightsInfo

Precision = Literal["fp32", "bf16"]
"""Arithmetic of a CPU; the exported file is the same."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

FORMAT = 1

OUTPUTS = ("rows", "theta", "boundaries", "heat")
"""Names of the outputs: descriptors with local features, then the parts of an `Inspection`.

A network without square rings has no `boundaries`.
"""


@dataclass(frozen=True, kw_only=True)
class ExportCard:
    """What an exported file belongs to, and how it was checked."""

    weights_sha256: str
    """SHA-256 of the safetensors file that it was made from."""
    sha256: str
    """SHA-256 of the exported file."""
    storage: str
    """Number format in which the file stores the weights: fp32 or fp16."""
    checked_images: int
    """Number of images whose descriptors were compared with PyTorch's."""
    least_cosine: float
    """Least cosine between the two descriptors of an image."""
    format: int = FORMAT


def precision_of(text: str) -> Precision:
    """Return a known precision.

    Raises:
        ConfigError: it is none.
    """
    for precision in PRECISIONS:
        if precision == text:
            return precision
    raise ConfigError(f"precision = {text!r}: choose {' or '.join(PRECISIONS)}")


def export_path(weights: Path) -> Path:
    """Return where the export of a .safetensors file lies."""
    return weights.with_suffix(".onnx")


def card_path(export: Path) -> Path:
    """Return where the card of an exported file lies."""
    return export.with_name(export.name + ".json")


def write_card(export: Path, card: ExportCard) -> None:
    """Write the card of an exported file."""
    write_atomically(card_path(export), (json.dumps(asdict(card), indent=2) + "\n").encode())


def find_export(weights: Path, info: WeightsInfo) -> Path | None:
    """Return the exported file of weights, or None where there is none.

    Raises:
        CheckpointError: the file is damaged, or was made from other weights.
    """
    path = export_path(weights)
    if not path.is_file():
        return None
    remedy = f"run: safenet-export {weights}"
    try:
        card = ExportCard(**json.loads(card_path(path).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{card_path(path).name} is missing or damaged; {remedy}") from error
    if card.format != FORMAT:
        raise CheckpointError(f"{path.name}: unknown format; {remedy}")
    if card.weights_sha256 != info.sha256:
        raise CheckpointError(
            f"{path.name} was exported from other weights ({card.weights_sha256[:8]}) than "
            f"{weights.name} ({info.sha256[:8]}); {remedy}"
        )
    if file_sha256(path) != card.sha256:
        raise CheckpointError(f"{path.name} is damaged; fetch it again, or {remedy}")
    return path

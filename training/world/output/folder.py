"""The output folder: files are written whole, and a folder holds one render."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from model.files import write_atomically
from training.world.errors import WorldOutputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WORLD_VERSION = 4
"""Increase it when the same settings give other pixels, so that no folder mixes two worlds."""
STATE_FOLDER = ".render"


def write_output(path: Path, data: bytes) -> None:
    """Write a file as a whole; create its folder if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data, sync=False, one_writer=True)


def claim(out: Path, seed: int, settings: "DataclassInstance") -> None:
    """Mark `out` as a render of these settings.

    Raises:
        WorldOutputError: the folder holds a render of another seed or other settings.
    """
    stamp = {"version": WORLD_VERSION, "seed": seed, **dataclasses.asdict(settings)}
    text = json.dumps(stamp, indent=1, sort_keys=True)
    file = out / STATE_FOLDER / "settings.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldOutputError(
            f"{out}: cannot be made a folder ({error.strerror}); choose another"
        ) from error
    if file.exists() and file.read_text() != text:
        raise WorldOutputError(
            f"{out}: holds a render of other settings ({file}); use another folder or delete it"
        )
    write_output(file, text.encode())

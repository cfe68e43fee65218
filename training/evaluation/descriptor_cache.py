"""A cache of embeddings on disk, so that several reports on the same images embed them once."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from model.files import atomic_file
from training.errors import DataError

DEFAULT_FOLDER = Path("var") / "descriptors"
"""Relative to the working directory."""

Arrays = dict[str, NDArray[Any]]
"""Arrays by name, with one row for each image."""


class DescriptorCache:
    """One file for each combination of weights, variant and list of images.

    An image is identified by its folder, name, size and modification time: roles that hold the same
    files as hard links share their embeddings, and a replaced file is embedded again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(
        self, sha256: str, variant: str, files: Iterable[Path], make: Callable[[], Arrays]
    ) -> Arrays:
        """Return the arrays of the files: the cached ones, else those that `make` returns.

        Raises:
            DataError: an image is missing, or the cache cannot be written.
        """
        path = self.folder / f"{self._key(sha256, variant, files)}.safetensors"
        try:
            kept: Arrays = load_file(path)
        except (OSError, SafetensorError):
            return self._keep(path, make())
        return kept

    def _keep(self, path: Path, arrays: Arrays) -> Arrays:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as partial:
                save_file(contiguous, partial)
        except (OSError, SafetensorError) as error:
            raise DataError(f"{path} cannot be written ({error}); use --no-cache") from error
        return arrays

    def _key(self, sha256: str, variant: str, files: Iterable[Path]) -> str:
        digest = hashlib.sha256(f"{sha256}\0{variant}\n".encode())
        for file in files:
            try:
                facts = file.stat()
            except OSError as error:
                raise DataError(f"{file}: {error.strerror}; repair or remove the file") from error
            line = f"{file.parent.name}/{file.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n"
            digest.update(line.encode())
        return digest.hexdigest()

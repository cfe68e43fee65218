"""Descriptors kept on disk, so that ten reports on the same images embed them once."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.files import atomic_file
from training.errors import DataError

DEFAULT_FOLDER = Path("var") / "descriptors"
"""Relative to where the command runs."""


class DescriptorCache:
    """One file per weights, variant and list of images.

    An image is known by its folder, name, size and time of change: two roles that hold the same
    files under hard links share their descriptors, and a replaced file is embedded again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(
        self, sha256: str, variant: str, files: Iterable[Path], describe: Callable[[], Tensor]
    ) -> Tensor:
        """Descriptors [N, D] of the files: read, or made by `describe` and kept.

        Raises:
            DataError: an image is missing, or the cache cannot be written.
        """
        path = self.folder / f"{self._key(sha256, variant, files)}.safetensors"
        try:
            return load_file(path)["descriptors"]
        except (OSError, SafetensorError, KeyError):
            pass
        descriptors_ND = describe()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as partial:
                save_file({"descriptors": descriptors_ND.contiguous()}, partial)
        except (OSError, SafetensorError) as error:
            raise DataError(f"{path} cannot be written ({error}); use --no-cache") from error
        return descriptors_ND

    def _key(self, sha256: str, variant: str, files: Iterable[Path]) -> str:
        digest = hashlib.sha256(f"{sha256}\0{variant}\0torch {torch.__version__}\n".encode())
        for file in files:
            try:
                facts = file.stat()
            except OSError as error:
                raise DataError(f"{file}: {error.strerror}; mend or remove the file") from error
            line = f"{file.parent.name}/{file.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n"
            digest.update(line.encode())
        return digest.hexdigest()

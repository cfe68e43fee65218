"""Pictures and local features in an object store or a folder, through fsspec (extra `scale`).

ROOT/<gallery>/pictures/ab/<sha256>.jpg        named by their content
ROOT/<gallery>/pictures/ab/<sha256>.<format>.row   what a matcher needs of a picture
ROOT/<gallery>/local/<weights>/ab/<sha256>.i8      local features of the picture
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from indexer.errors import BadStoreError, StoreAccessError, StoreError, StoreUnavailableError
from model.files import write_atomically


class ObjectStore:
    """One gallery's objects under a URL; safe to use from several threads.

    Every method raises StoreUnavailableError where an object store does not answer, and
    StoreAccessError where it refuses the credentials; those that write raise StoreError where an
    object cannot be written.
    """

    def __init__(self, root: str, gallery: str) -> None:
        """Name the place; nothing is read or written yet.

        Args:
            root: `s3://bucket/prefix` or what else fsspec opens, or a folder.
            gallery: name of the gallery, a folder of its own below the root.

        Raises:
            BadStoreError: the URL has credentials in it, or nothing opens it.
        """
        if "@" in urlsplit(root).netloc:
            raise BadStoreError(
                f"--objects {urlsplit(root).scheme}://… holds credentials, which would be stored; "
                "give them in the environment of the object store's client"
            )
        try:
            self._files, path = import_module("fsspec.core").url_to_fs(root)
        except (ImportError, ValueError) as error:
            raise BadStoreError(f"--objects {root!r} cannot be opened ({error})") from error
        self._gallery = gallery
        self._root = f"{str(path).rstrip('/')}/{gallery}"
        self._is_folder = "file" in self._files.protocol
        self.url = self._files.unstrip_protocol(path) if not self._is_folder else str(path)

    def add(self, jpeg: bytes, *, repair: bool = False) -> str:
        """Store a picture and return its SHA-256; `repair` overwrites an existing one."""
        sha256 = hashlib.sha256(jpeg).hexdigest()
        path = self._picture(sha256)
        with self._access():
            known = not repair and self._files.exists(path)
        if not known:
            self._write(path, jpeg)
        return sha256

    def read(self, sha256: str) -> bytes:
        """Return the bytes of a picture; OSError if it is missing."""
        return self._read(self._picture(sha256))

    def sound(self, sha256: str) -> bool:
        """Return whether the picture exists with unchanged bytes."""
        try:
            return hashlib.sha256(self.read(sha256)).hexdigest() == sha256
        except OSError:
            return False

    def add_row(self, sha256: str, row_format: str, row_B: NDArray[np.int8]) -> None:
        """Store a matcher's row beside a picture."""
        self._write(self._row(sha256, row_format), row_B.tobytes())

    def matcher_rows(
        self, names: Sequence[str], row_format: str, row_bytes: int
    ) -> dict[str, NDArray[np.int8]]:
        """Return a matcher's rows of pictures by SHA-256; those without a whole one are missing."""
        found = self._all([self._row(name, row_format) for name in names])
        rows = {name: found.get(self._row(name, row_format), b"") for name in names}
        return {
            name: np.frombuffer(data, dtype=np.int8)
            for name, data in rows.items()
            if len(data) == row_bytes
        }

    def add_local(self, sha256: str, weights_sha256: str, local_L: NDArray[np.int8]) -> None:
        """Store the local features of a picture."""
        self._write(self._local(sha256, weights_sha256), local_L.tobytes())

    def local(
        self, names: Sequence[str], weights_sha256: str, local_bytes: int
    ) -> NDArray[np.int8]:
        """Return the local features of pictures, read together: int8 [K, L].

        Raises:
            StoreError: one is missing or has another length.
        """
        paths = [self._local(sha256, weights_sha256) for sha256 in names]
        found = self._all(paths)
        for name, path in zip(names, paths, strict=True):
            if len(found.get(path, b"")) != local_bytes:
                raise StoreError(
                    f"the local features of picture {name[:16]}… are missing from the objects of "
                    f"gallery {self._gallery!r}; run: safenet-index rebuild {self._gallery}"
                )
        return np.stack([np.frombuffer(found[path], dtype=np.int8) for path in paths])

    def _all(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the objects that exist, by path; an object store is asked for them together."""
        if self._is_folder:
            return {path: Path(path).read_bytes() for path in paths if Path(path).is_file()}
        if not paths:
            return {}
        with self._access():
            found = self._files.cat(sorted({*paths}), on_error="return")
            for data in found.values():
                if isinstance(data, Exception) and not isinstance(data, FileNotFoundError):
                    raise data
        return {path: data for path, data in found.items() if isinstance(data, bytes)}

    def _read(self, path: str) -> bytes:
        with self._access():
            data: bytes = self._files.cat_file(path)
        return data

    def write_text(self, name: str, text: str) -> None:
        """Store a text beside the pictures."""
        self._write(f"{self._root}/{name}", text.encode())

    def _write(self, path: str, data: bytes) -> None:
        try:
            if self._is_folder:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(Path(path), data, sync=False)
            else:
                with self._access():
                    self._files.pipe_file(path, data)
        except OSError as error:
            raise StoreError(
                f"an object cannot be written to {self.url} ({error.strerror or error}); "
                "create the bucket or folder, or make room"
            ) from error

    @contextmanager
    def _access(self) -> Iterator[None]:
        """Name the errors of an object store; that of a missing object stays as it is."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # each client has classes of its own, most are no OSError
            if self._is_folder:
                raise
            if isinstance(error, PermissionError) or "credential" in str(error).lower():
                raise StoreAccessError(
                    f"the object store of gallery {self._gallery!r} refuses the credentials, or "
                    "has none; give them in the environment of its client"
                ) from error
            raise StoreUnavailableError(
                f"the object store of gallery {self._gallery!r} does not answer "
                f"({type(error).__name__}); start it, or check its address"
            ) from error

    def _picture(self, sha256: str) -> str:
        return f"{self._root}/pictures/{sha256[:2]}/{sha256}.jpg"

    def _row(self, sha256: str, row_format: str) -> str:
        return f"{self._root}/pictures/{sha256[:2]}/{sha256}.{row_format}.row"

    def _local(self, sha256: str, weights_sha256: str) -> str:
        return f"{self._root}/local/{weights_sha256[:16]}/{sha256[:2]}/{sha256}.i8"

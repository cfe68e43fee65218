"""The small file that ties a version's index, database, descriptors and weights together."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from indexer.errors import GalleryMismatchError

FORMAT = 1
"""Number of the version format; it grows when the files change their meaning."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Content of one published version: sizes in bytes, digests are SHA-256.

    `local_bytes` is the size of an image's local features; earlier releases had none.
    """

    format: int
    gallery: str
    view: str
    version: str
    revision: int
    size: int
    rows: int
    descriptor_dim: int
    weights_name: str
    weights_sha256: str
    index_kind: str
    index_sha256: str
    index_bytes: int
    database_sha256: str
    descriptors_sha256: str
    descriptors_bytes: int
    created_at: str
    local_bytes: int = 0

    def to_json(self) -> bytes:
        """Return readable JSON, one key per line."""
        return (json.dumps(asdict(self), indent=2) + "\n").encode()


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        GalleryMismatchError: it is missing, damaged or of another format.
    """
    try:
        manifest = Manifest(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise GalleryMismatchError(
            f"the manifest of gallery version {path.parent.name!r} cannot be read; "
            "run: safenet-index rebuild"
        ) from error
    if manifest.format != FORMAT:
        raise GalleryMismatchError(
            f"gallery version {path.parent.name!r} has format {manifest.format}, "
            f"this release reads {FORMAT}; run: safenet-index rebuild"
        )
    return manifest

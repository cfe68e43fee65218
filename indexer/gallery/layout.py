"""Where the files of a gallery are.

STORE/<gallery>/
├── CURRENT               name of the version that readers open
├── versions/<version>/   published and never changed: manifest.json, gallery.sqlite,
│                         index.faiss, descriptors.f16 (a hard link of the writer's file)
├── pictures/ab/<sha256>.jpg   content-addressed, shared by all versions
├── work/                 the writer's files: gallery.sqlite (WAL), descriptors-<generation>.f16
├── heights.tif           of the surface model, where the gallery was built with one
├── failed.csv            images of the last run that could not be read, with the reason
└── .lock                 held by the one writer
"""

import re
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import GalleryMismatchError, UnknownGalleryError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class GalleryFolder:
    """Paths of one gallery; none is created."""

    root: Path

    @property
    def current(self) -> Path:
        """File with the name of the version that readers open."""
        return self.root / "CURRENT"

    @property
    def versions(self) -> Path:
        """Folder of the published versions."""
        return self.root / "versions"

    @property
    def pictures(self) -> Path:
        """Folder of the pictures, shared by all versions."""
        return self.root / "pictures"

    @property
    def work(self) -> Path:
        """Folder of the writer's files."""
        return self.root / "work"

    @property
    def database(self) -> Path:
        """The writer's database."""
        return self.work / "gallery.sqlite"

    def descriptors(self, generation: int) -> Path:
        """Return the writer's descriptor file; `compact` starts a new generation."""
        return self.work / f"descriptors-{generation}.f16"

    @property
    def failed_csv(self) -> Path:
        """CSV of the images that could not be read."""
        return self.root / "failed.csv"

    @property
    def heights(self) -> Path:
        """GeoTIFF of the heights of the surface model that the gallery was built with."""
        return self.root / "heights.tif"

    @property
    def lock(self) -> Path:
        """The writer's lock."""
        return self.root / ".lock"

    def version(self, version: str) -> Path:
        """Return the folder of one published version."""
        return self.versions / version


def gallery_folder(store: Path, name: str) -> GalleryFolder:
    """Return the paths of a gallery.

    Raises:
        UnknownGalleryError: the name is not allowed for a gallery.
    """
    if not _NAME.fullmatch(name):
        raise UnknownGalleryError(
            f"{name[:80]!r} is no gallery name; use up to 64 letters, digits, '-', '_' and '.'"
        )
    return GalleryFolder(store / name)


def list_galleries(store: Path) -> list[str]:
    """Return the names of the galleries with a published version, sorted."""
    if not store.is_dir():
        return []
    return sorted(path.parent.name for path in store.glob("*/CURRENT"))


def current_version(store: Path, name: str) -> str:
    """Return the newest published version's name; only one small file is read.

    Raises:
        UnknownGalleryError: nothing is published under that name.
        GalleryMismatchError: the file holds no version's name.
    """
    try:
        version = (
            gallery_folder(store, name).current.read_bytes().strip().decode("ascii", "replace")
        )
    except OSError as error:
        known = ", ".join(list_galleries(store)) or "none"
        raise UnknownGalleryError(
            f"no gallery {name!r} is published here (there are: {known}); "
            "build it with: safenet-index build"
        ) from error
    if not _NAME.fullmatch(version):
        raise GalleryMismatchError(
            f"gallery {name!r}: CURRENT is empty or damaged; run: safenet-index rebuild {name}"
        )
    return version

"""Damaged files as one line, and textures larger than Pillow takes for harmless."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from training.world.errors import MeshError

_MOST_TEXELS = 2**30
"""Our choice: 32,768 x 32,768; photogrammetry writes up to a quarter of that in one texture."""


@contextmanager
def damage_as_mesh_error(file: Path) -> Iterator[None]:
    """Turn whatever a reader raises within the block into one line that names the file."""
    try:
        yield
    except (MeshError, OSError) as error:
        if isinstance(error, MeshError) or error.filename:
            raise
        raise MeshError(f"{file}: damaged ({_first_line(error)}); export it again") from error
    except Exception as error:  # readers raise whatever the damage leads to
        raise MeshError(f"{file}: damaged ({_first_line(error)}); export it again") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


@contextmanager
def large_textures() -> Iterator[None]:
    """Let Pillow decode large images within the block: the mesh is the user's own."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = _MOST_TEXELS
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before

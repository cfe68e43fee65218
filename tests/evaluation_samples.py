"""Small data sets in the layouts of the benchmarks; a place is a pattern of coloured blocks."""

from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from training.commands.evaluate import eval_app


def scene(place: int, view: int) -> Image.Image:
    """View 0 is from above, the others turn by 3 degrees each; 128 px."""
    blocks = np.random.default_rng(place).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(blocks).resize((140, 140), Image.Resampling.NEAREST)
    return picture.rotate(3 * view).crop((6, 6, 134, 134))


def save(path: Path, place: int, view: int = 0) -> Path:
    """One scene at a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scene(place, view).save(path)
    return path


def university_test(root: Path, queries: int = 3, gallery: int = 4, views: int = 2) -> Path:
    """`root/test` of University-1652; the last gallery places have no query."""
    for place in range(gallery):
        for view in range(views):
            save(
                root / "test/gallery_drone" / f"{place:04d}" / f"image-{view:02d}.JPEG", place, view
            )
            if place < queries:
                name = f"image-{view:02d}.JPEG"
                save(root / "test/query_drone" / f"{place:04d}" / name, place, view)
        save(root / "test/gallery_satellite" / f"{place:04d}" / f"{place:04d}.jpg", place)
        if place < queries:
            save(root / "test/query_satellite" / f"{place:04d}" / f"{place:04d}.jpg", place)
    return root


def training_pairs(root: Path) -> Path:
    """Six places of one image in each view, in University-1652's layout of training data."""
    for place in range(6):
        save(root / "train" / "satellite" / f"{place:04d}" / "a.jpg", place)
        save(root / "train" / "drone" / f"{place:04d}" / "a.jpg", place, 1)
    return root


def ask(*arguments: object, code: int = 0) -> str:
    """`safenet-eval` with these arguments: what it printed."""
    result = CliRunner().invoke(eval_app, [str(part) for part in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output

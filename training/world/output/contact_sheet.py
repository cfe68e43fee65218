"""Contact sheets of a rendered folder: one place large, or several places in rows."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from training.world.errors import WorldOutputError

GAP_PX = 4
_BACKGROUND = (250, 250, 250)


def place_images(folder: Path, place_id: str) -> tuple[Path, list[Path]]:
    """Return the satellite image and the drone images (in flight order) of a place.

    Raises:
        WorldOutputError: the folder has no such place.
    """
    for satellite, drone in (
        ("train/satellite", "train/drone"),
        ("test/gallery_satellite", "test/gallery_drone"),
        ("satellite-view", "drone_view_512"),
    ):
        tiles = sorted((folder / satellite / place_id).glob("*.*"))
        if tiles:
            drones = [p for p in (folder / drone / place_id).rglob("*.*") if p.is_file()]
            return tiles[0], sorted(drones, key=lambda p: (p.parent.name, len(p.name), p.name))
    raise WorldOutputError(f"{folder}: holds no place {place_id}; see the id column of gps.csv")


def save_sheet(sheet: Image.Image, out: Path) -> None:
    """Write a sheet.

    Raises:
        WorldOutputError: the name does not end with an image format, or the file cannot be written.
    """
    try:
        sheet.save(out, quality=80)
    except (OSError, ValueError) as error:
        raise WorldOutputError(
            f"{out}: cannot be written ({error}); give a .jpg or .png in a folder that exists"
        ) from error


def place_ids(folder: Path) -> list[str]:
    """Return the ids of all places of a rendered folder, sorted."""
    found = {
        path.name
        for satellite in ("train/satellite", "test/gallery_satellite", "satellite-view")
        for path in (folder / satellite).glob("*")
    }
    return sorted(found)


def _spread(items: Sequence[Path], count: int) -> list[Path]:
    last = len(items) - 1
    return [items[round(k * last / max(1, count - 1))] for k in range(min(count, len(items)))]


def _tile(path: Path, side_px: int) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB").resize((side_px, side_px), Image.Resampling.LANCZOS)


def _grid(images: list[Image.Image], columns: int, side_px: int) -> Image.Image:
    rows = -(-len(images) // columns)
    step = side_px + GAP_PX
    sheet = Image.new("RGB", (columns * step - GAP_PX, rows * step - GAP_PX), _BACKGROUND)
    for k, image in enumerate(images):
        sheet.paste(image, ((k % columns) * step, (k // columns) * step))
    return sheet


def place_sheet(folder: Path, place_id: str, drones: int, side_px: int) -> Image.Image:
    """Return the satellite tile, large, beside a grid of drone views in flight order."""
    satellite, views = place_images(folder, place_id)
    chosen = _spread(views, drones)
    columns = max(1, -(-len(chosen) // 3))
    grid = _grid([_tile(path, side_px) for path in chosen], columns, side_px)
    left = _tile(satellite, grid.height)
    sheet = Image.new("RGB", (grid.width + left.width + GAP_PX, grid.height), _BACKGROUND)
    sheet.paste(left, (0, 0))
    sheet.paste(grid, (left.width + GAP_PX, 0))
    return sheet


def places_sheet(folder: Path, places: int, drones: int, side_px: int) -> Image.Image:
    """Return places in rows of two, each a satellite tile and `drones` drone views."""
    images = []
    ids = place_ids(folder)
    if not ids:
        raise WorldOutputError(
            f"{folder}: holds no place; give the output folder of render or drape"
        )
    for place_id in ids[:places]:
        satellite, views = place_images(folder, place_id)
        images += [_tile(path, side_px) for path in (satellite, *_spread(views, drones))]
    return _grid(images, 2 * (drones + 1), side_px)

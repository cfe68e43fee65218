"""Single overhead images as places: one year as the tile, another in drone views."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.overhead_index import INDEX_NAME, IndexedImage, read_index
from training.data.places import SUFFIXES
from training.world.chance import RandomStream
from training.world.errors import MapSourceError
from training.world.orthophoto.drape import Drape, drape, draped_view
from training.world.orthophoto.guessed_heights import guess_heights
from training.world.output.folder import write_output
from training.world.output.jobs import Job
from training.world.rendering.camera import Camera, aimed
from training.world.rendering.sensor import draw_sensor, expose, jpeg
from training.world.scene.light import draw_light

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
_LARGEST_PX = 640
"""Our choice: a larger image is cut into several places."""
_FINE_CELLS = 512
"""Cells along an image's side. Our choice: a near view then shows no cell as a block."""
_TILE_SHARE = 0.96
"""Our choice: the tile is a randomly placed crop of this share of the image's side, which stands
for misregistration."""


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """How overhead images become places; metres and pixels."""

    folder: str
    gsd_m: float = 0.3
    """Ground resolution of images that `index.csv` does not list."""
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    """Only images whose path holds one of these words are used; empty: all."""
    views: int = 6
    size_px: int = 256


@dataclass(frozen=True, kw_only=True)
class ImagePlace:
    """The square part of one place's images, one image for each year."""

    files: tuple[Path, ...]
    gsd_m: float
    heights: Path | None = None
    """Measured metres above ground on the images' grid (.npy); None: guessed."""
    row: int = 0
    column: int = 0
    side: int = 0
    """Side of the square, pixels; row and column count squares."""


@dataclass(frozen=True, kw_only=True)
class ImageJob(Job):
    """One place to make from overhead images."""

    index: int
    place: ImagePlace
    settings: ImageSettings

    @property
    def place_id(self) -> str:
        """Four-digit id."""
        return f"{self.index + 1:04d}"

    @property
    def state_name(self) -> str:
        """Name of the empty file that is written last."""
        return f"pictures-{self.place_id}.done"


def image_jobs(out: Path, seed: int, settings: ImageSettings) -> list[ImageJob]:
    """Return one job for each place, sorted by file name.

    `index.csv` (`file`, `gsd_m` and, if wished, `pair_id`), where there is one, gives the images'
    ground resolution and names those that show one place in different years.

    Raises:
        MapSourceError: the folder or an image cannot be read, the folder holds no image, or
            `index.csv` gives no resolution for an image.
        DataError: `index.csv` has no column `file`, or a value is not a number.
    """
    places = [square for place in _places(settings) for square in _squares(place)]
    return [
        ImageJob(out=out, seed=seed, index=index, place=place, settings=settings)
        for index, place in enumerate(places)
    ]


def _places(settings: ImageSettings) -> list[ImagePlace]:
    root = Path(settings.folder)
    if not root.is_dir():
        raise MapSourceError(f"{root}: is not a folder; give a folder of overhead images")
    index = read_index(root)
    groups: dict[str, ImagePlace] = {}
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        if file.suffix.lower() not in SUFFIXES or any(w in name for w in settings.exclude):
            continue
        if settings.include and not any(w in name for w in settings.include):
            continue
        image = index.get(name)
        gsd_m, heights = _ground_resolution_m(settings, image), _heights(root, image)
        key = (image.pair_id if image else "") or name
        place = groups.get(key, ImagePlace(files=(), gsd_m=gsd_m, heights=heights))
        groups[key] = replace(place, files=(*place.files, file))
    if not groups:
        raise MapSourceError(f"{root}: holds no images; give a folder of overhead images")
    return [place for _, place in sorted(groups.items())]


def _ground_resolution_m(settings: ImageSettings, image: IndexedImage | None) -> float:
    if image is None:
        return settings.gsd_m
    if image.gsd_m is None:
        raise MapSourceError(
            f"{settings.folder}/{INDEX_NAME}: has no gsd_m for {image.file}; give metres per pixel"
        )
    return image.gsd_m


def _heights(root: Path, image: IndexedImage | None) -> Path | None:
    """Return the image's file of heights above ground, if any: the normalised surface model."""
    files = image.dsm_files if image else ()
    return next((root / name for name in files if "ndsm" in name), None)


def _image(file: Path) -> Image.Image:
    try:
        with Image.open(file) as image:
            return image.convert("RGB")
    except OSError as error:
        raise MapSourceError(f"{file}: not a readable image; repair or remove it") from error


def _squares(place: ImagePlace) -> list[ImagePlace]:
    """Return the middle square of a small image, or the squares of a large or long one."""
    width, height = _image(place.files[0]).size
    shorter = min(width, height)
    side = shorter // max(1, round(shorter / _LARGEST_PX))
    return [
        replace(place, row=row, column=column, side=side)
        for row in range(height // side)
        for column in range(width // side)
    ]


def _box(place: ImagePlace, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the square; squares lie centred in the image."""
    left = width % place.side // 2 + place.column * place.side
    top = height % place.side // 2 + place.row * place.side
    return left, top, left + place.side, top + place.side


def _square(place: ImagePlace, file: Path) -> U8:
    """Return the place's square of one of its images, RGB [S, S, 3]."""
    image = _image(file)
    return np.asarray(image.crop(_box(place, *image.size)))


def _height(job: ImageJob, square: U8) -> F32:
    place = job.place
    if place.heights is None:
        return guess_heights(square, place.gsd_m, job.seed + job.index)
    try:
        measured: F32 = np.load(place.heights).astype(np.float32)
    except (OSError, ValueError) as error:
        raise MapSourceError(
            f"{place.heights}: not readable heights; repair or remove it"
        ) from error
    left, top, right, bottom = _box(place, measured.shape[1], measured.shape[0])
    return np.maximum(np.nan_to_num(measured[top:bottom, left:right]), 0.0)


def run_image_job(job: ImageJob) -> int:
    """Render and write one place; return the number of images."""
    settings, place, rng = job.settings, job.place, RandomStream(job.seed, 61, job.index)
    first = rng.below(len(place.files))
    tile = _square(place, place.files[first])
    others = [file for k, file in enumerate(place.files) if k != first] or [place.files[first]]
    draped = [_draped(job, _square(place, file), rng) for file in others]
    write_output(
        job.out / "train" / "satellite" / job.place_id / f"{job.place_id}.jpg",
        _tile(tile, settings.size_px, rng),
    )
    span_m = tile.shape[0] * place.gsd_m
    for k in range(settings.views):
        sensor = draw_sensor(rng, drone=True)
        camera = any_camera(span_m, rng)
        haze = 8e-4 * rng.unit() ** 3
        over = draped[rng.below(len(draped))]
        view = draped_view(over, camera, settings.size_px, haze_per_m=haze)
        write_output(
            job.out / "train" / "drone" / job.place_id / f"image-{k + 1:02d}.jpeg",
            jpeg(expose(view, sensor), sensor.jpeg_quality),
        )
    write_output(job.done_file, b"")
    return settings.views + 1


def _draped(job: ImageJob, square: U8, rng: RandomStream) -> Drape:
    """Return the square, in fine cells, over its heights."""
    height = _height(job, square)
    fine = max(1, math.ceil(_FINE_CELLS / square.shape[0]))
    side = square.shape[0] * fine
    image = Image.fromarray(square).resize((side, side), Image.Resampling.BICUBIC)
    height = np.repeat(np.repeat(height, fine, axis=0), fine, axis=1)
    return drape(
        np.asarray(image), job.place.gsd_m / fine, height_m=height, light=draw_light(rng, 0)
    )


def _tile(square: U8, size_px: int, rng: RandomStream) -> bytes:
    side = square.shape[0]
    room = side * (1.0 - _TILE_SHARE)
    left, top = room * rng.unit(), room * rng.unit()
    crop = Image.fromarray(square).resize(
        (size_px, size_px),
        Image.Resampling.LANCZOS,
        box=(left, top, left + side - room, top + side - room),
    )
    sensor = draw_sensor(rng, drone=False)
    return jpeg(expose(np.asarray(crop, dtype=np.float32), sensor), sensor.jpeg_quality)


def any_camera(span_m: float, rng: RandomStream) -> Camera:
    """Return a camera that covers 0.45 to 1.25 of `span_m`, pitched 38 to 90 degrees down."""
    pitch = rng.between(-90, -75) if rng.chance(0.35) else rng.between(-78, -38)
    fov = rng.between(35, 72)
    covered_m = span_m * 0.45 * 2.8 ** rng.unit()
    slant_m = covered_m / 2 / math.tan(math.radians(fov) / 2)
    off_m = 0.16 * span_m
    return aimed(
        off_m * rng.between(-1, 1),
        off_m * rng.between(-1, 1),
        slant_m * math.sin(math.radians(-pitch)),
        rng.between(0, 360),
        pitch,
        fov,
    )

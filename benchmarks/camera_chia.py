"""Camera poses of real oblique photos against the angles and heights that the drone wrote.

`python benchmarks/camera_chia.py IMAGERY FOLDER`: the map is made of the same estate's photos
straight down from over 80 m, with their heights above take-off; the ground is not level, so heights
and positions differ by that too. Field of view as the map's maker took it: 36 mm over 24 mm.
"""

import argparse
import csv
import math
import statistics
from pathlib import Path

from indexer.building.operations import build
from indexer.gallery.gallery import Gallery
from indexer.geo import distance_m
from indexer.localization.localize import localize
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from indexer.sources.photos.metadata import read_photo_metadata
from model.embedder import Embedder
from training.dev_set.chia import TILE_M, chia

FOV_DEG = 2 * math.degrees(math.atan(36 / 2 / 24))


def main() -> None:
    """Build the map once, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("imagery", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    embedder = Embedder.load(None, device="cpu")
    if not (asked.folder / "galleries" / "chia" / "CURRENT").exists():
        _build(asked.imagery / "chia", asked.folder, embedder)
    gallery = Gallery.open(asked.folder / "galleries", "chia", embedder=embedder)
    rows: list[dict[str, float]] = []
    print("photo\tstatus\tinliers\thorizontal m\theight m\ttrue m\theading\tpitch\troll deg off")
    for file in sorted((asked.imagery / "chia").glob("*.JPG")):
        true = read_photo_metadata(file)
        pitch_deg, heading_deg, height_m = (
            true.gimbal_pitch_deg,
            true.heading_deg,
            true.altitude_m,
        )
        if pitch_deg is None or not -75 < pitch_deg < -45:
            continue
        assert heading_deg is not None
        assert height_m is not None
        assert true.position is not None
        answer = localize(file, gallery, embedder, fov_deg=FOV_DEG)
        camera = None if answer.estimate is None else answer.estimate.camera
        inliers = 0 if answer.evidence is None else answer.evidence.inliers
        if camera is None:
            print(file.stem, answer.status, inliers, sep="\t")
            continue
        row = {
            "horizontal m": distance_m(*true.position, camera.latitude, camera.longitude),
            "height %": 100 * abs(camera.height_m / height_m - 1),
            "heading": (camera.heading_deg - heading_deg + 180) % 360 - 180,
            "pitch": abs(camera.pitch_deg - pitch_deg),
            "roll": abs(camera.roll_deg),
            "sure": float(answer.status == "match"),
        }
        rows.append(row)
        print(
            file.stem, answer.status, inliers, f"{row['horizontal m']:.1f}",
            f"{camera.height_m:.1f}", f"{height_m:.1f}",
            *(f"{row[key]:.1f}" for key in ("heading", "pitch", "roll")), sep="\t",
        )  # fmt: skip
    gallery.close()
    for name, chosen in (("all", rows), ("match", [row for row in rows if row["sure"]])):
        medians = {key: round(statistics.median(row[key] for row in chosen), 1) for key in rows[0]}
        print(name, len(chosen), medians)


def _build(imagery: Path, folder: Path, embedder: Embedder) -> None:
    tiles = [one for one in chia(imagery) if one.view == "satellite"]
    place = folder / "tiles"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "images.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("path", "id", "view", "latitude", "longitude", "ground_m"))
        for tile in tiles:
            tile.pixels.save(place / f"{tile.place}.jpg", quality=92)  # type: ignore[union-attr]
            position = (f"{value:.8f}" for value in tile.position)
            writer.writerow((f"{tile.place}.jpg", tile.place, "satellite", *position, TILE_M))
    build(folder / "galleries", "chia", open_source(place, SourceOptions()), embedder)


if __name__ == "__main__":
    main()

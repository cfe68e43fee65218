"""The table gps.csv: one line for each image, with its true geometry."""

import csv
import io
from pathlib import Path

from training.world.output.folder import STATE_FOLDER, write_output
from training.world.output.view import LatLon, View

COLUMNS = (
    "path", "id", "view", "latitude", "longitude", "altitude_m", "heading_deg", "gimbal_pitch_deg",
    "gsd_m", "field_of_view_deg", "target_latitude", "target_longitude", "footprint", "west",
    "south", "east", "north", "altitude_datum", "flight_id", "captured_at", "district", "split",
    "weather",
)  # fmt: skip
"""The footprint is a WKT polygon (longitude latitude), clockwise from the image's top left."""


def footprint_wkt(corners: tuple[LatLon, ...]) -> str:
    """Return the WKT polygon of (latitude, longitude) corners."""
    ring = [*corners, corners[0]]
    return "POLYGON((" + ", ".join(f"{lon:.8f} {lat:.8f}" for lat, lon in ring) + "))"


def table_row(path: str, place_id: str, view: View, district: str, split: str) -> list[str]:
    """Return one line of gps.csv in the order of `COLUMNS`; a drone image has no bounds."""
    latitudes = [lat for lat, _ in view.footprint]
    longitudes = [lon for _, lon in view.footprint]
    bounds = (min(longitudes), min(latitudes), max(longitudes), max(latitudes))
    is_tile = view.kind == "satellite"
    values = {
        "path": path,
        "id": place_id,
        "view": view.kind,
        "latitude": f"{view.latitude:.8f}",
        "longitude": f"{view.longitude:.8f}",
        "altitude_m": "" if view.altitude_m is None else f"{view.altitude_m:.2f}",
        "altitude_datum": "" if view.altitude_m is None else "ground",
        "heading_deg": f"{view.heading_deg:.2f}",
        "gimbal_pitch_deg": f"{view.gimbal_pitch_deg:.2f}",
        "gsd_m": f"{view.gsd_m:.4f}",
        "field_of_view_deg": (
            "" if view.field_of_view_deg is None else f"{view.field_of_view_deg:.2f}"
        ),
        "target_latitude": f"{view.target[0]:.8f}",
        "target_longitude": f"{view.target[1]:.8f}",
        "footprint": footprint_wkt(view.footprint),
        "flight_id": view.flight_id,
        "captured_at": view.captured_at,
        "district": district,
        "split": split,
        "weather": view.weather,
    }
    edges = zip(("west", "south", "east", "north"), bounds, strict=True)
    values |= {name: f"{value:.8f}" if is_tile else "" for name, value in edges}
    return [values[name] for name in COLUMNS]


def write_rows(file: Path, rows: list[list[str]]) -> None:
    """Write lines of gps.csv, without the header, as one whole file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_output(file, text.getvalue().encode())


def write_gps(out: Path) -> int:
    """Join the lines of all finished jobs into gps.csv; return the number of lines."""
    lines = [
        line
        for file in sorted((out / STATE_FOLDER).glob("*-*.csv"))
        for line in file.read_text().splitlines()
    ]
    write_output(out / "gps.csv", ("\n".join([",".join(COLUMNS), *lines]) + "\n").encode())
    return len(lines)

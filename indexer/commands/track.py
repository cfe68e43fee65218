"""`safenet-index track`: find the track of a flight without GPS."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from indexer.commands import options as opt
from indexer.commands.errors import one_line_errors

Item = TypeVar("Item")


def track(
    name: opt.Name,
    flight: Annotated[
        Path,
        typer.Argument(
            help="A folder of photos, a list of them (.txt, or .csv with the columns file and "
            "time), or a video."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the track: .geojson, .gpx, .kml, .csv, .json, or .nmea for the camera."
        ),
    ] = None,
    store: opt.Store = opt.DEFAULT_STORE,
    weights: opt.Weights = None,
    every: Annotated[
        str, typer.Option(help="Time between frames of a video, or of photos without a time: 1s.")
    ] = "1s",
    max_speed: Annotated[
        float, typer.Option("--max-speed", help="How fast the drone may fly, m/s.")
    ] = 25.0,
    near: Annotated[
        str | None, typer.Option("--near", help="Only around latitude,longitude, degrees.")
    ] = None,
    radius_m: Annotated[float, typer.Option("--radius-m", help="Radius of --near, m.")] = 5000.0,
    fov_deg: Annotated[
        float | None,
        typer.Option(
            "--fov-deg",
            help="Angle of view across the frames' width, for the camera's track; default: EXIF.",
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(help="Print errors against exif, srt (beside the video), or a CSV or SRT."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="File of what was found in each frame; a cut-off run goes on from it."),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            help="Write a .csv of the placed photos, of which `build` makes a flight archive."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    device: opt.Device = "auto",
    matcher: opt.MatcherName = "auto",
    precision: opt.Precision = "fp32",
) -> None:
    """Find the track of a whole flight: position, radii and heading for each frame.

    The positions are the ground in the middle of each photo. GPS in the files is not used.
    """
    with one_line_errors():
        from console.progress import Progress
        from indexer.gallery.stores import open_gallery
        from indexer.records import Prior
        from indexer.tracking.outputs.archive_table import archive_table
        from indexer.tracking.outputs.formats import format_of, write_track
        from indexer.tracking.outputs.json_text import json_text
        from indexer.tracking.outputs.table import table
        from indexer.tracking.track_flight import track as find_track
        from indexer.tracking.truth import error_summary, read_flight_truth
        from model.files import write_atomically

        if out is not None:
            format_of(out)
        every_s = opt.seconds(every, "--every")
        prior = None
        if near is not None:
            latitude, longitude = opt.latitude_longitude(near, "--near")
            prior = Prior(latitude=latitude, longitude=longitude, radius_m=radius_m)
        embedder = opt.load_weights(weights, device, matcher, precision)
        gallery = open_gallery(store, name, embedder=embedder)

        def watch(frames: Iterable[Item], total: int) -> Iterable[Item]:
            return Progress("frames", total, unit="frames").over(frames)

        try:
            found = find_track(
                flight,
                gallery,
                embedder,
                every_s=every_s,
                max_speed_m_s=max_speed,
                prior=prior,
                fov_deg=fov_deg,
                work=resume,
                watch=watch,
            )
        finally:
            gallery.close()
        print(json_text(found) if as_json else table(found), end="")
        for note in found.notes:
            print(f"note: {note}", file=sys.stderr)
        if truth is not None:
            summary = error_summary(found, read_flight_truth(truth, flight, found))
            print(summary, file=sys.stderr if as_json else sys.stdout)
        if out is not None:
            write_track(found, out)
            print(f"{out}: track of {found.located} frames", file=sys.stderr)
        if archive is not None:
            write_atomically(archive, archive_table(found, flight, archive).encode())
            print(f"{archive}: table of {found.located} photos", file=sys.stderr)

"""`safenet-index search`: localize query images and print the matches."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from console.errors import print_error
from indexer.commands import options as opt
from indexer.commands.errors import one_line_errors
from model.errors import ImageError

if TYPE_CHECKING:
    from indexer.gallery.interface import OpenGallery
    from indexer.records import Filters, Prior

_OPTIONS = {
    "bounds": "--bbox",
    "area": "--mask",
    "captured_after": "--after",
    "captured_before": "--before",
    "source": "--source",
    "min_ground_m": "--min-ground-m",
    "max_ground_m": "--max-ground-m",
    "prior": "--near with --radius-m",
}


def search(
    name: opt.Name,
    images: Annotated[list[Path], typer.Argument(help="Query images, or folders of them.")],
    store: opt.Store = opt.DEFAULT_STORE,
    weights: opt.Weights = None,
    top_k: Annotated[int, typer.Option(min=1, max=1000, help="Matches per image.")] = 5,
    near: Annotated[
        str | None, typer.Option("--near", help="Only around latitude,longitude, degrees.")
    ] = None,
    radius_m: Annotated[float, typer.Option("--radius-m", help="Radius of --near, m.")] = 1000.0,
    bbox: opt.Bbox = None,
    mask: opt.Mask = None,
    after: Annotated[str | None, typer.Option(help="Taken on or after this date.")] = None,
    before: Annotated[str | None, typer.Option(help="Taken on or before this date.")] = None,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    min_ground_m: Annotated[float | None, typer.Option(help="Only tiles at least so wide.")] = None,
    max_ground_m: Annotated[float | None, typer.Option(help="Only tiles at most so wide.")] = None,
    min_confidence: Annotated[float, typer.Option(min=0.0, max=1.0)] = 0.0,
    fov_deg: Annotated[
        float | None,
        typer.Option(
            "--fov-deg",
            help="Angle across the photos' width, degrees, for the camera; default: as in EXIF.",
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="CSV with file, lat, lon of the queries: print accuracy.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per image.")] = False,
    device: opt.Device = "auto",
    matcher: opt.MatcherName = "auto",
    precision: opt.Precision = "fp32",
) -> None:
    """Localize query images in a gallery: one line per match, with the estimated position."""
    with one_line_errors():
        from indexer.commands.search_output import COLUMNS, json_line, table_lines
        from indexer.gallery.stores import open_gallery
        from indexer.localization.evaluation import errors_m, query_files, read_truth, summary
        from indexer.localization.localize import localize
        from indexer.records import Filters, Prior
        from indexer.sources.tables.areas import read_polygons

        box = None if bbox is None else opt.numbers(bbox, "--bbox", 4)
        filters = Filters(
            bounds=cast(Any, box),
            area=None if mask is None else read_polygons(mask),
            captured_after=opt.moment(after, "--after"),
            captured_before=opt.moment(before, "--before", day_ends=True),
            source=source,
            min_ground_m=min_ground_m,
            max_ground_m=max_ground_m,
        )
        _refuse_contradictions(filters)
        prior = None
        if near is not None:
            latitude, longitude = opt.latitude_longitude(near, "--near")
            prior = Prior(latitude=latitude, longitude=longitude, radius_m=radius_m)
        files = query_files(images)
        positions = None if truth is None else read_truth(truth, files)
        embedder = opt.load_weights(weights, device, matcher, precision)
        gallery = open_gallery(store, name, embedder=embedder)
        _refuse_unknown_source(gallery, source)
        unreadable = 0
        errors = []
        for count, file in enumerate(files):
            try:
                answer = localize(
                    file,
                    gallery,
                    embedder,
                    top_k=top_k,
                    prior=prior,
                    filters=filters,
                    min_confidence=min_confidence,
                    fov_deg=fov_deg,
                )
            except ImageError as error:
                print_error(str(error))
                unreadable += 1
                continue
            if count == unreadable:
                if not as_json:
                    print(COLUMNS)
                if not answer.matches:
                    _print_why_empty(gallery, filters, prior)
            if as_json:
                print(json_line(file.name, answer))
            else:
                print(*table_lines(file.name, answer), sep="\n")
            if positions is not None and file in positions:
                errors.append(errors_m(positions[file], answer))
        gallery.close()
        if errors:
            print(summary(errors))
        if unreadable:
            raise typer.Exit(1)


def _refuse_contradictions(filters: "Filters") -> None:
    after, before = filters.captured_after, filters.captured_before
    if after is not None and before is not None and after > before:
        raise typer.BadParameter(
            f"--after {after:%Y-%m-%d} is later than --before {before:%Y-%m-%d}; swap them"
        )
    least, most = filters.min_ground_m, filters.max_ground_m
    if least is not None and most is not None and least > most:
        raise typer.BadParameter(
            f"--min-ground-m {least:g} is above --max-ground-m {most:g}; swap them"
        )


def _refuse_unknown_source(gallery: "OpenGallery", source: str | None) -> None:
    from indexer.errors import BadFilterError

    if source is None:
        return
    known = gallery.source_names()
    if source not in known:
        raise BadFilterError(
            f"--source {source!r} is none of gallery {gallery.name!r}; "
            f"choose from: {', '.join(known) or 'nothing, it is empty'}"
        )


def _print_why_empty(gallery: "OpenGallery", filters: "Filters", prior: "Prior | None") -> None:
    if not gallery.size:
        print(f"note: gallery {gallery.name!r} is empty", file=sys.stderr)
        return
    found = gallery.empty_conditions(filters, prior)
    why = ", ".join(_OPTIONS[name] for name in found) or "all conditions together"
    print(f"note: no image of gallery {gallery.name!r} satisfies {why}", file=sys.stderr)

"""`safenet-index search`: images in, a table of matches out, and metres where truth is known."""

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from indexer import cli_options as opt


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
    truth: Annotated[
        Path | None, typer.Option(help="CSV with file, lat, lon of the queries: print accuracy.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per image.")] = False,
    device: opt.Device = "auto",
) -> None:
    """Find images in a gallery: one table row per match."""
    with opt.one_line_errors():
        from indexer.answer import JUDGED
        from indexer.gallery import Gallery
        from indexer.query import errors_m, query_files, read_truth, search_files, summary
        from indexer.records import Filters, Prior
        from indexer.sources.areas import read_polygons

        box = None if bbox is None else opt.numbers(bbox, "--bbox", 4)
        filters = Filters(
            bounds=cast(Any, box),
            area=None if mask is None else read_polygons(mask),
            captured_after=opt.moment(after, "--after"),
            captured_before=opt.moment(before, "--before"),
            source=source,
            min_ground_m=min_ground_m,
            max_ground_m=max_ground_m,
        )
        prior = None
        if near is not None:
            latitude, longitude = opt.numbers(near, "--near", 2)
            prior = Prior(latitude=latitude, longitude=longitude, radius_m=radius_m)
        files = query_files(images)
        positions = None if truth is None else read_truth(truth, files)
        embedder = opt.load_weights(weights, device)
        gallery = Gallery.open(store, name, embedder=embedder)
        found = []
        if not as_json:
            print("query\trank\tscore\timage_id\tlatitude\tlongitude\tconfidence\tstatus")
        for result in search_files(
            gallery, embedder, files, max(top_k, JUDGED), prior, filters, min_confidence
        ):
            for line in result.json_lines(top_k) if as_json else result.table_lines(top_k):
                print(line)
            true = None if positions is None else positions.get(result.file)
            if true is not None:
                found.append(errors_m(true, result))
        gallery.close()
        if positions is not None:
            print(summary(found))

"""`safenet-index`: galleries from the shell."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from indexer import cli_options as opt
from indexer.cli_calibrate import calibrate
from indexer.cli_search import search

if TYPE_CHECKING:
    from indexer.operations import Outcome
    from indexer.sources.candidate import Source

app = typer.Typer(
    help="Build, change, check and search galleries of geo-tagged images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(search)
app.command()(calibrate)


def _open(path: Path, bbox: str | None, mask: Path | None, tile_m: str, **values: Any) -> "Source":
    from indexer.sources.areas import read_polygons
    from indexer.sources.candidate import SourceOptions
    from indexer.sources.detect import open_source

    box = None if bbox is None else opt.numbers(bbox, "--bbox", 4)
    options = SourceOptions(
        bounds=cast(Any, box),
        mask=() if mask is None else read_polygons(mask),
        tile_m=opt.numbers(tile_m, "--tile-m"),
        **values,
    )
    return open_source(path, options)


def _say(outcome: "Outcome", name: str) -> None:
    tally = outcome.tally
    print(
        f"{name}: {outcome.size} images, version {outcome.version} "
        f"({tally.added} new, {tally.unchanged} unchanged, {tally.skipped} skipped, "
        f"{tally.failed} failed{', see failed.csv' if tally.failed else ''})"
    )


@app.command()
def build(
    name: opt.Name,
    source: opt.SourcePath,
    store: opt.Store = opt.DEFAULT_STORE,
    view: opt.ViewName = None,
    weights: opt.Weights = None,
    zoom: opt.Zoom = None,
    tms: opt.Tms = False,
    tile_m: opt.TileM = "",
    overlap: opt.Overlap = 0.5,
    gsd: opt.Gsd = None,
    bbox: opt.Bbox = None,
    mask: opt.Mask = None,
    min_opaque: opt.MinOpaque = 0.5,
    id_prefix: opt.IdPrefix = "",
    index: opt.Index = "auto",
    replace: Annotated[
        bool, typer.Option("--replace", help="Start anew; readers keep the old version till then.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many images, bytes and minutes.")
    ] = False,
    keep: opt.Keep = 3,
    log: opt.Log = "auto",
    device: opt.Device = "auto",
) -> None:
    """Make a gallery of one source; run it again after an interruption to go on."""
    with opt.one_line_errors():
        from indexer import estimate, operations

        kind, report = opt.index_kind(index), opt.reporter(log)
        found = _open(
            source, bbox, mask, tile_m, view=view, zoom=zoom, tms=tms, overlap=overlap,
            gsd_m=gsd, min_opaque=min_opaque, id_prefix=id_prefix,
        )  # fmt: skip
        embedder = opt.load_weights(weights, device)
        if dry_run:
            cost = estimate.estimate(found, embedder, kind)
            print(
                f"{source.name} ({found.kind}): {cost.images} images, about {cost.usable} of them "
                f"usable, {cost.store_bytes / 1e6:.1f} MB, {cost.minutes:.1f} minutes"
            )
            for note in found.notes:
                print(note)
            return
        outcome = operations.build(
            store, name, found, embedder, index_kind=kind, anew=replace, keep=keep, progress=report
        )
        _say(outcome, name)


@app.command()
def add(
    name: opt.Name,
    source: opt.SourcePath,
    store: opt.Store = opt.DEFAULT_STORE,
    view: opt.ViewName = None,
    weights: opt.Weights = None,
    zoom: opt.Zoom = None,
    tms: opt.Tms = False,
    tile_m: opt.TileM = "",
    overlap: opt.Overlap = 0.5,
    gsd: opt.Gsd = None,
    bbox: opt.Bbox = None,
    mask: opt.Mask = None,
    min_opaque: opt.MinOpaque = 0.5,
    id_prefix: opt.IdPrefix = "",
    keep: opt.Keep = 3,
    log: opt.Log = "auto",
    device: opt.Device = "auto",
) -> None:
    """Bring another source in, or what is new in a known one; failed images are tried again."""
    with opt.one_line_errors():
        from indexer import operations
        from indexer.admission import require

        report = opt.reporter(log)
        require(store, name)
        found = _open(
            source, bbox, mask, tile_m, view=view, zoom=zoom, tms=tms, overlap=overlap,
            gsd_m=gsd, min_opaque=min_opaque, id_prefix=id_prefix,
        )  # fmt: skip
        embedder = opt.load_weights(weights, device)
        _say(operations.add(store, name, found, embedder, keep=keep, progress=report), name)


@app.command()
def update(
    name: opt.Name,
    store: opt.Store = opt.DEFAULT_STORE,
    weights: opt.Weights = None,
    keep: opt.Keep = 3,
    log: opt.Log = "auto",
    device: opt.Device = "auto",
) -> None:
    """Look at every source again: new images come in, changed files replace theirs."""
    with opt.one_line_errors():
        from indexer import operations
        from indexer.admission import require

        report = opt.reporter(log)
        require(store, name)
        embedder = opt.load_weights(weights, device)
        _say(operations.update(store, name, embedder, keep=keep, progress=report), name)


@app.command()
def remove(
    name: opt.Name,
    image_ids: Annotated[list[str] | None, typer.Argument(help="Ids of images.")] = None,
    store: opt.Store = opt.DEFAULT_STORE,
    source: Annotated[str | None, typer.Option(help="All images of this source.")] = None,
    bbox: Annotated[
        str | None, typer.Option("--bbox", help="All within west,south,east,north, degrees.")
    ] = None,
    keep: opt.Keep = 3,
) -> None:
    """Take images out: by id, by source, by place."""
    with opt.one_line_errors():
        from indexer import operations
        from indexer.records import Filters

        box = None if bbox is None else opt.numbers(bbox, "--bbox", 4)
        ids = list(image_ids or [])
        if not ids and source is None and box is None:
            raise typer.BadParameter("name image ids, --source or --bbox")
        if source is not None or box is not None:
            filters = Filters(source=source, bounds=cast(Any, box))
            ids += operations.select_ids(store, name, filters)
        outcome = operations.remove(store, name, ids, keep=keep)
        print(
            f"{name}: {-outcome.tally.added} removed, {outcome.size} images left, "
            f"version {outcome.version}"
        )


@app.command()
def compact(name: opt.Name, store: opt.Store = opt.DEFAULT_STORE, keep: opt.Keep = 3) -> None:
    """Give back the room of removed and replaced images."""
    with opt.one_line_errors():
        from indexer.compact import compact as run

        done = run(store, name, keep=keep)
        print(
            f"{name}: {done.rows} descriptors and {done.pictures} pictures dropped, "
            f"{done.freed_bytes / 1e6:.1f} MB (kept versions still hold theirs), "
            f"version {done.version}"
        )


@app.command()
def verify(name: opt.Name, store: opt.Store = opt.DEFAULT_STORE) -> None:
    """Check that index, database, descriptors and pictures belong together."""
    with opt.one_line_errors():
        from indexer.gallery import current_version
        from indexer.repair import verify as run

        found = run(store, name)
        for drift in found:
            print(f"{drift.what}: {drift.detail}")
        if found:
            print(f"{name}: {len(found)} findings; repair with: safenet-index rebuild {name}")
            raise typer.Exit(1)
        print(f"{name}: version {current_version(store, name)} is sound")


@app.command()
def rebuild(
    name: opt.Name,
    store: opt.Store = opt.DEFAULT_STORE,
    weights: opt.Weights = None,
    index: Annotated[
        str | None, typer.Option("--index", help="Another index type; default: as before.")
    ] = None,
    keep: opt.Keep = 3,
    log: opt.Log = "auto",
    device: opt.Device = "auto",
) -> None:
    """Repair every drift, build the index anew and publish."""
    with opt.one_line_errors():
        from indexer.admission import require
        from indexer.repair import rebuild as run

        kind = None if index is None else opt.index_kind(index)
        report = opt.reporter(log)
        require(store, name)
        embedder = opt.load_weights(weights, device)
        done = run(store, name, embedder, index_kind=kind, keep=keep, progress=report)
        print(
            f"{name}: {done.size} images, version {done.version} ({done.descriptors} descriptors "
            f"and {done.pictures} pictures made again, {len(done.lost)} images lost)"
        )
        for image_id in done.lost:
            print(f"lost: {image_id}")


@app.command()
def info(
    name: opt.Name,
    store: opt.Store = opt.DEFAULT_STORE,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What a gallery is made of."""
    with opt.one_line_errors():
        import json

        from indexer.describe import describe

        facts = describe(store, name)
        if as_json:
            print(json.dumps(facts, indent=2))
            return
        for key, value in facts.items():
            print(f"{key:20} {value}")


@app.command()
def export(
    name: opt.Name,
    out: Annotated[Path, typer.Argument(help="File ending in .geojson, .csv or .gpkg.")],
    store: opt.Store = opt.DEFAULT_STORE,
) -> None:
    """Write the footprints for a GIS."""
    with opt.one_line_errors():
        from indexer.export import export as run
        from indexer.gallery import Gallery

        gallery = Gallery.open(store, name, embedder=None)
        count = run(gallery.records(), out)
        gallery.close()
        print(f"{out}: {count} footprints of {name}")


if __name__ == "__main__":
    app()

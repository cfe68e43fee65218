"""`safenet-index build`, `add`, `update` and `rebuild`: the commands that embed images."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from indexer.commands import options as opt
from indexer.commands.errors import one_line_errors

if TYPE_CHECKING:
    from indexer.building.operations import Outcome
    from indexer.sources.candidate import Source


def _open(
    path: Path,
    bbox: str | None,
    mask: Path | None,
    tile_m: str,
    captured_at: str | None,
    **values: Any,
) -> "Source":
    from indexer.sources.candidate import SourceOptions
    from indexer.sources.detect import open_source
    from indexer.sources.tables.areas import read_polygons

    box = None if bbox is None else opt.numbers(bbox, "--bbox", 4)
    moment = opt.moment(captured_at, "--captured-at")
    options = SourceOptions(
        captured_at="" if moment is None else moment.isoformat(),
        bounds=cast(Any, box),
        mask=() if mask is None else read_polygons(mask),
        tile_m=opt.numbers(tile_m, "--tile-m"),
        **values,
    )
    return open_source(path, options)


def _fetch(
    folder: Path, bbox: str | None, zoom: int | None, asked: dict[str, Any], dry_run: bool,
    report: Any,
) -> bool:  # fmt: skip
    """Fetch tiles into the folder; return False where only their number is wanted."""
    from indexer.sources.tiles.download import TileRequest, download

    if bbox is None or zoom is None:
        raise typer.BadParameter("--url-template needs --bbox and --zoom")
    box = opt.numbers(bbox, "--bbox", 4)
    request = TileRequest(bounds=cast(Any, box), zoom=zoom, **asked)
    if dry_run:
        print(f"{request.number:,} tiles of zoom {zoom} would be fetched into {folder}")
        return False
    done = download(request, folder, report.note)
    report.note(
        f"{done.fetched:,} fetched, {done.cached:,} lay there, {done.absent:,} the server has not"
    )
    return True


def _report(outcome: "Outcome", name: str, report: Any) -> None:
    """Print the last line, and the table of what was read, skipped, failed and left aside."""
    from indexer.building.summary import extent_line, page_link, table_line

    tally, extent, view = outcome.tally, outcome.extent, outcome.view
    link = None if extent is None else page_link(extent, name, view)
    report.result(
        gallery=name, images=outcome.size, version=outcome.version, **asdict(tally),
        reasons=outcome.reasons.as_dict(), extent=extent, link=link,
    )  # fmt: skip
    print(
        f"{name}: {outcome.size} images, version {outcome.version} "
        f"({tally.added} new, {tally.unchanged} unchanged, {tally.skipped} skipped, "
        f"{tally.failed} failed{', see failed.csv' if tally.failed else ''})"
    )
    print(table_line("read", tally.added + tally.unchanged, f"{tally.unchanged:,} known before"))
    print("\n".join(outcome.reasons.lines()))
    print(extent_line(extent, gallery=name, view=view))


def _forecast(
    name: str, found: "Source", weights: Path | None, kind: str, embedder: Any, report: Any
) -> None:
    """Print what a build would bring and cost."""
    from indexer.building.dry_run import forecast
    from indexer.building.summary import extent_line, table_line
    from model.weights_info import SHIPPED_WEIGHTS, read_weights_info

    config = read_weights_info(weights or SHIPPED_WEIGHTS).config
    cost = forecast(
        found, descriptor_dim=config.descriptor_dim,
        local_bytes=config.local_length(config.gallery_turns), index_kind=kind, embedder=embedder,
    )  # fmt: skip
    facts = {**asdict(cost), "reasons": cost.reasons.as_dict()}
    report.result(gallery=name, **facts)
    about = "" if cost.exact else "about "
    minutes = "" if cost.minutes is None else f", {cost.minutes:.1f} minutes"
    print(
        f"{found.path.name} ({found.kind}): {about}{cost.images} images, about {cost.usable} of "
        f"them usable, {cost.store_bytes / 1e6:.1f} MB{minutes}"
    )
    print(table_line("to read", cost.images, "the following are of a sample of up to 16"))
    print("\n".join(cost.reasons.lines()))
    print(extent_line(cost.extent))
    for note in found.notes:
        print(note)


def build(
    name: opt.Name,
    source: opt.SourcePath,
    store: opt.Store = opt.DEFAULT_STORE,
    view: opt.ViewName = None,
    weights: opt.Weights = None,
    zoom: opt.Zoom = None,
    tms: opt.Tms = False,
    rows: opt.Rows = None,
    tile_m: opt.TileM = "",
    overlap: opt.Overlap = 0.75,
    gsd: opt.Gsd = None,
    bbox: opt.Bbox = None,
    mask: opt.Mask = None,
    min_opaque: opt.MinOpaque = 0.5,
    id_prefix: opt.IdPrefix = "",
    captured_at: opt.CapturedAt = None,
    url_template: opt.UrlTemplate = None,
    max_per_s: opt.MaxPerS = 4.0,
    user_agent: opt.UserAgent = "safenet-geo/0.1",
    index: opt.Index = "auto",
    replace: Annotated[
        bool, typer.Option("--replace", help="Start over; readers keep the old version until then.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would come: images, bytes, extent.")
    ] = False,
    minutes: Annotated[
        bool, typer.Option("--minutes", help="With --dry-run: load the weights and time a few.")
    ] = False,
    keep: opt.Keep = 3,
    log: opt.Log = "auto",
    device: opt.Device = "auto",
    matcher: opt.MatcherName = "auto",
) -> None:
    """Build a gallery of one source; run the command again after an interruption to continue."""
    with one_line_errors(as_json=log == "json"):
        from indexer.building import operations

        kind, report = opt.index_kind(index), opt.reporter(log)
        if url_template is not None:
            asked = {"template": url_template, "per_s": max_per_s, "user_agent": user_agent}
            if not _fetch(source, bbox, zoom, asked, dry_run, report):
                return
        found = _open(
            source, bbox, mask, tile_m, captured_at, view=view, zoom=zoom, tms=tms, rows=rows,
            overlap=overlap,
            gsd_m=gsd, min_opaque=min_opaque, id_prefix=id_prefix,
        )  # fmt: skip
        if dry_run:
            embedder = opt.load_weights(weights, device, matcher) if minutes else None
            _forecast(name, found, weights, kind, embedder, report)
            return
        embedder = opt.load_weights(weights, device, matcher)
        outcome = operations.build(
            store,
            name,
            found,
            embedder,
            index_kind=kind,
            start_over=replace,
            keep=keep,
            progress=report,
        )
        _report(outcome, name, report)


def add(
    name: opt.Name,
    source: opt.SourcePath,
    store: opt.Store = opt.DEFAULT_STORE,
    view: opt.ViewName = None,
    weights: opt.Weights = None,
    zoom: opt.Zoom = None,
    tms: opt.Tms = False,
    rows: opt.Rows = None,
    tile_m: opt.TileM = "",
    overlap: opt.Overlap = 0.75,
    gsd: opt.Gsd = None,
    bbox: opt.Bbox = None,
    mask: opt.Mask = None,
    min_opaque: opt.MinOpaque = 0.5,
    id_prefix: opt.IdPrefix = "",
    captured_at: opt.CapturedAt = None,
    keep: opt.Keep = 3,
    log: opt.Log = "auto",
    device: opt.Device = "auto",
    matcher: opt.MatcherName = "auto",
) -> None:
    """Add another source, or the new images of a known one; failed images are tried again."""
    with one_line_errors(as_json=log == "json"):
        from indexer.building import operations
        from indexer.building.checks import require

        report = opt.reporter(log)
        require(store, name)
        found = _open(
            source, bbox, mask, tile_m, captured_at, view=view, zoom=zoom, tms=tms, rows=rows,
            overlap=overlap,
            gsd_m=gsd, min_opaque=min_opaque, id_prefix=id_prefix,
        )  # fmt: skip
        embedder = opt.load_weights(weights, device, matcher)
        outcome = operations.add(store, name, found, embedder, keep=keep, progress=report)
        _report(outcome, name, report)


def update(
    name: opt.Name,
    store: opt.Store = opt.DEFAULT_STORE,
    weights: opt.Weights = None,
    keep: opt.Keep = 3,
    log: opt.Log = "auto",
    device: opt.Device = "auto",
    matcher: opt.MatcherName = "auto",
) -> None:
    """Read every source again: add new images and replace those whose files changed."""
    with one_line_errors(as_json=log == "json"):
        from indexer.building import operations
        from indexer.building.checks import require

        report = opt.reporter(log)
        require(store, name)
        embedder = opt.load_weights(weights, device, matcher)
        outcome = operations.update(store, name, embedder, keep=keep, progress=report)
        _report(outcome, name, report)


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
    matcher: opt.MatcherName = "auto",
) -> None:
    """Repair every inconsistency, rebuild the index and publish."""
    with one_line_errors(as_json=log == "json"):
        from indexer.building.checks import require
        from indexer.building.repair import rebuild as run

        kind = None if index is None else opt.index_kind(index)
        report = opt.reporter(log)
        require(store, name)
        embedder = opt.load_weights(weights, device, matcher)
        done = run(store, name, embedder, index_kind=kind, keep=keep, progress=report)
        report.result(gallery=name, **asdict(done))
        print(
            f"{name}: {done.size} images, version {done.version} ({done.descriptors} descriptors "
            f"and {done.pictures} pictures made again, {len(done.lost)} images lost)"
        )
        for image_id in done.lost:
            print(f"lost: {image_id}")

"""`safenet-index build`, `add`, `update` and `rebuild`: the commands that embed images."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.commands import options as opt
from indexer.commands.errors import one_line_errors
from indexer.commands.source_options import SourceChoice
from indexer.commands.work_options import WorkOptions

if TYPE_CHECKING:
    from indexer.building.operations import Outcome

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only print what would come: images, bytes, extent.")
]
Minutes = Annotated[
    bool, typer.Option("--minutes", help="With --dry-run: load the weights and time a few.")
]


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
    if outcome.with_height is not None:
        covered = f"{outcome.with_height:,} of {outcome.size:,} images have heights in their middle"
        print(table_line("heights", outcome.with_height, covered))


def _forecast(
    name: str, chosen: SourceChoice, work: WorkOptions, kind: str, minutes: bool, report: Any
) -> None:
    """Print what would be fetched, and what a build would bring and cost."""
    from indexer.building.dry_run import forecast
    from indexer.building.summary import extent_line, table_line
    from model.matching.choice import load_matcher
    from model.weights_info import SHIPPED_WEIGHTS, read_weights_info

    fetching = chosen.to_fetch()
    if fetching is not None:
        print(fetching)
        print(extent_line(chosen.bounds()))
        return
    found = chosen.open()
    embedder = work.embedder() if minutes else None
    config = read_weights_info(work.weights or SHIPPED_WEIGHTS).config
    matcher = load_matcher(work.matcher)
    cost = forecast(
        found,
        descriptor_dim=config.descriptor_dim,
        local_bytes=config.local_length(config.gallery_turns),
        matcher_bytes=0 if matcher is None else matcher.row_bytes,
        index_kind=kind,
        embedder=embedder,
    )
    facts = {**asdict(cost), "reasons": cost.reasons.as_dict()}
    report.result(gallery=name, **facts)
    about = "" if cost.exact else "about "
    duration = "" if cost.minutes is None else f", {cost.minutes:.1f} minutes"
    print(
        f"{found.path.name} ({found.kind}): {about}{cost.images} images, about {cost.usable} of "
        f"them usable, {cost.store_bytes / 1e6:.1f} MB{duration}"
    )
    print(table_line("to read", cost.images, "the following are of a sample of up to 16"))
    print("\n".join(cost.reasons.lines()))
    print(extent_line(cost.extent))
    for note in found.notes:
        print(note)


def build(
    name: opt.Name,
    chosen: SourceChoice,
    work: WorkOptions,
    index: Annotated[
        str, typer.Option("--index", help="auto, flat, sq8, ivf-sq8, hnsw-sq8 or ivf-rabitq.")
    ] = "auto",
    objects: Annotated[
        str | None,
        typer.Option(
            "--objects",
            help="With --store milvus://: folder or URL (s3://BUCKET/PREFIX) of the pictures.",
        ),
    ] = None,
    dsm: Annotated[
        Path | None,
        typer.Option(
            "--dsm", help="GeoTIFF of heights of the same ground, m: cameras are placed by it."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Start over; readers keep the old version until then.")
    ] = False,
    dry_run: DryRun = False,
    minutes: Minutes = False,
    dense: opt.Dense = False,
    workers: opt.Workers = None,
    worker_gpus: opt.WorkerGpus = 0.0,
) -> None:
    """Build a gallery of one source; run the command again after an interruption to continue."""
    with one_line_errors(as_json=work.log == "json"):
        from indexer.building import operations
        from indexer.commands.milvus import build_in_milvus
        from indexer.commands.workers import embedding_on
        from indexer.gallery.milvus.address import is_milvus

        kind, report = opt.index_kind(index), work.reporter()
        if dry_run:
            _forecast(name, chosen, work, kind, minutes, report)
            return
        in_milvus = is_milvus(work.store)
        if in_milvus and dsm is not None:
            raise typer.BadParameter("--dsm works on galleries in a folder only; leave it out")
        if objects is not None and not in_milvus:
            raise typer.BadParameter("--objects needs --store milvus://; a folder keeps its own")
        if dense and workers is not None:
            raise typer.BadParameter("--dense works in one process; leave out --workers")
        chosen.fetch(report)
        found = chosen.open()
        together = opt.load_dense(work.weights) if dense else None
        with embedding_on(workers, worker_gpus, work, report) as embed:
            if in_milvus:
                options: dict[str, object] = {"objects": objects, "index_kind": kind}
                options |= {"start_over": replace, "dense": together}
                outcome = build_in_milvus(name, found, work, options, report, embed)
            else:
                outcome = operations.build(
                    work.store,
                    name,
                    found,
                    work.embedder(),
                    index_kind=kind,
                    start_over=replace,
                    keep=work.keep,
                    surface_model=dsm,
                    progress=report,
                    dense=together,
                    workers=embed,
                )
        _report(outcome, name, report)


def add(
    name: opt.Name,
    chosen: SourceChoice,
    work: WorkOptions,
    dry_run: DryRun = False,
    minutes: Minutes = False,
    dense: opt.Dense = False,
) -> None:
    """Add another source, or the new images of a known one; failed images are tried again."""
    with one_line_errors(as_json=work.log == "json"):
        from indexer.building import operations
        from indexer.building.checks import require
        from indexer.commands.milvus import add_in_milvus
        from indexer.gallery.milvus.address import is_milvus

        report, in_milvus = work.reporter(), is_milvus(work.store)
        if not in_milvus:
            require(work.store, name)
        if dry_run:
            _forecast(name, chosen, work, "auto", minutes, report)
            return
        chosen.fetch(report)
        found = chosen.open()
        together = opt.load_dense(work.weights) if dense else None
        if in_milvus:
            _report(add_in_milvus(name, found, work, report, together), name, report)
            return
        outcome = operations.add(
            work.store,
            name,
            found,
            work.embedder(),
            keep=work.keep,
            progress=report,
            dense=together,
        )
        _report(outcome, name, report)


def update(name: opt.Name, work: WorkOptions) -> None:
    """Read every source again: add new images and replace those whose files changed."""
    with one_line_errors(as_json=work.log == "json"):
        from indexer.building import operations
        from indexer.building.checks import require
        from indexer.commands.milvus import update_in_milvus
        from indexer.gallery.milvus.address import is_milvus

        report = work.reporter()
        if is_milvus(work.store):
            _report(update_in_milvus(name, work, report), name, report)
            return
        require(work.store, name)
        outcome = operations.update(
            work.store, name, work.embedder(), keep=work.keep, progress=report
        )
        _report(outcome, name, report)


def rebuild(
    name: opt.Name,
    work: WorkOptions,
    index: Annotated[
        str | None, typer.Option("--index", help="Another index type; default: as before.")
    ] = None,
) -> None:
    """Repair every inconsistency, rebuild the index and publish."""
    with one_line_errors(as_json=work.log == "json"):
        from indexer.building.checks import require
        from indexer.building.repair import rebuild as run
        from indexer.commands.milvus import rebuild_in_milvus
        from indexer.gallery.milvus.address import is_milvus

        kind = None if index is None else opt.index_kind(index)
        report = work.reporter()
        if is_milvus(work.store):
            done = rebuild_in_milvus(name, work, kind, report)
        else:
            require(work.store, name)
            done = run(
                work.store, name, work.embedder(), index_kind=kind, keep=work.keep, progress=report
            )
        report.result(gallery=name, **asdict(done))
        print(
            f"{name}: {done.size} images, version {done.version} ({done.descriptors} descriptors, "
            f"{done.pictures} pictures and {done.matcher_rows} rows for the matcher made again, "
            f"{len(done.lost)} images lost)"
        )
        for image_id in done.lost:
            print(f"lost: {image_id}")

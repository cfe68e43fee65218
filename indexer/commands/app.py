"""`safenet-index`: builds, changes, checks and searches galleries."""

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from console.option_groups import with_option_groups
from console.usage import OneLineGroup
from indexer.commands import options as opt
from indexer.commands.build import add, build, rebuild, update
from indexer.commands.calibrate import calibrate
from indexer.commands.errors import one_line_errors
from indexer.commands.search import search
from indexer.commands.track import track
from model.cpu_threads import limit_blas_threads

app = typer.Typer(
    cls=OneLineGroup,
    help="Build, change, check and search galleries of geo-tagged images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def prepare() -> None:
    """Build, change, check and search galleries of geo-tagged images."""
    limit_blas_threads()


for _grouped in (build, add, update, rebuild):
    app.command()(with_option_groups(_grouped))
for _command in (search, track, calibrate):
    app.command()(_command)


@app.command()
def remove(
    name: opt.Name,
    image_ids: Annotated[list[str] | None, typer.Argument(help="Ids of images.")] = None,
    store: opt.Store = opt.DEFAULT_STORE,
    source: Annotated[str | None, typer.Option(help="Remove all images of this source.")] = None,
    bbox: Annotated[
        str | None,
        typer.Option("--bbox", help="Remove all images within west,south,east,north, degrees."),
    ] = None,
    keep: opt.Keep = 3,
) -> None:
    """Remove images by id, source or position."""
    with one_line_errors():
        from indexer.building import operations
        from indexer.commands.milvus import remove_in_milvus
        from indexer.errors import UnknownImageError
        from indexer.gallery.milvus.address import is_milvus
        from indexer.records import Filters

        box = None if bbox is None else opt.numbers(bbox, "--bbox", 4)
        ids = list(image_ids or [])
        if not ids and source is None and box is None:
            raise typer.BadParameter("name image ids, --source or --bbox")
        filters = None
        if source is not None or box is not None:
            filters = Filters(source=source, bounds=cast(Any, box))
        in_milvus = is_milvus(store)
        if filters is not None and not in_milvus:
            ids += operations.select_ids(store, name, filters)
        try:
            if in_milvus:
                outcome = remove_in_milvus(store, name, ids, filters, keep)
            else:
                outcome = operations.remove(store, name, ids, keep=keep)
        except UnknownImageError as error:
            if ids:
                raise
            given = {"--source": source, "--bbox": bbox}
            selection = " ".join(
                f"{key} {value}" for key, value in given.items() if value is not None
            )
            raise UnknownImageError(
                f"gallery {name!r} holds no image of {selection}; see: safenet-index info {name}"
            ) from error
        print(
            f"{name}: {-outcome.tally.added} removed, {outcome.size} images left, "
            f"version {outcome.version}"
        )


@app.command()
def compact(name: opt.Name, store: opt.Store = opt.DEFAULT_STORE, keep: opt.Keep = 3) -> None:
    """Free the space of removed and replaced images."""
    with one_line_errors():
        from indexer.building.compact import compact as run

        done = run(store, name, keep=keep)
        print(
            f"{name}: {done.rows} descriptors and {done.pictures} pictures deleted, "
            f"{done.freed_bytes / 1e6:.1f} MB freed (kept versions still use theirs), "
            f"version {done.version}"
        )


@app.command()
def verify(name: opt.Name, store: opt.Store = opt.DEFAULT_STORE) -> None:
    """Check that index, database, descriptors and pictures belong together."""
    with one_line_errors():
        from indexer.building.repair import verify as run
        from indexer.commands.milvus import verify_in_milvus
        from indexer.gallery.gallery import current_version
        from indexer.gallery.milvus.address import is_milvus

        if is_milvus(store):
            found, version = verify_in_milvus(store, name)
        else:
            found, version = run(store, name), current_version(store, name)
        for drift in found:
            print(f"{drift.what}: {drift.detail}")
        if found:
            print(f"{name}: {len(found)} findings; repair with: safenet-index rebuild {name}")
            raise typer.Exit(1)
        print(f"{name}: version {version} is consistent")


@app.command()
def info(
    name: opt.Name,
    store: opt.Store = opt.DEFAULT_STORE,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show facts about a gallery."""
    with one_line_errors():
        import json

        from indexer.commands.info import describe

        facts = describe(store, name)
        if as_json:
            print(json.dumps(facts, indent=2))
            return
        for key, value in facts.items():
            print(f"{key:20} {value}")


@app.command()
def export(
    name: opt.Name,
    out: Annotated[
        Path,
        typer.Argument(
            help="File ending in .geojson, .csv, .gpkg or .parquet; a folder with --stac."
        ),
    ],
    store: opt.Store = opt.DEFAULT_STORE,
    stac: Annotated[
        bool, typer.Option("--stac", help="Write a STAC catalogue, one item per source.")
    ] = False,
    accuracy_m: Annotated[
        float | None,
        typer.Option(min=0.0, help="With --stac: known error of the sources' positions, m (RMSE)."),
    ] = None,
) -> None:
    """Write the footprints for a GIS."""
    with one_line_errors():
        from indexer.gallery.export import export as run
        from indexer.gallery.stac import export_stac
        from indexer.gallery.stores import open_gallery

        gallery = open_gallery(store, name, embedder=None)
        try:
            if stac:
                count = export_stac(gallery, out, accuracy_m)
                print(f"{out}: {count} STAC items of {name}")
            else:
                print(f"{out}: {run(gallery.records(), out)} footprints of {name}")
        finally:
            gallery.close()


if __name__ == "__main__":
    app()

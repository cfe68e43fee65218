"""What the commands that write, check or describe a gallery do on a Milvus store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from indexer.building.embedding import Embed
    from indexer.building.operations import Outcome
    from indexer.building.repair import Drift, Repair
    from indexer.commands.work_options import WorkOptions
    from indexer.gallery.milvus.store import MilvusStore
    from indexer.records import Filters
    from indexer.sources.candidate import Source
    from model.dense import DenseTiles


def build_in_milvus(
    name: str,
    source: "Source",
    work: "WorkOptions",
    options: dict[str, Any],
    report: Any,
    workers: "Embed | None" = None,
) -> "Outcome":
    """Build a gallery in a Milvus store.

    Args:
        name: of the gallery.
        source: where the images come from.
        work: the store and the weights.
        options: `objects`, `index_kind`, `start_over`, `dense`, as `BuildOptions` has them.
        report: shows the progress.
        workers: embeds instead of this process.

    Raises:
        typer.BadParameter: `--objects` is missing.
    """
    from indexer.building.milvus.operations import BuildOptions, build

    if not options["objects"]:
        raise typer.BadParameter(
            "--store milvus:// needs --objects: a folder or a URL such as s3://BUCKET/PREFIX "
            "that every reader can open, for pictures and local features"
        )
    chosen = BuildOptions(keep=work.keep, **options)
    with milvus_store(work.store) as store:
        return build(store, name, source, work.embedder(), chosen, report, workers)


def add_in_milvus(
    name: str, source: "Source", work: "WorkOptions", report: Any, dense: "DenseTiles | None"
) -> "Outcome":
    """Add a source to a gallery in a Milvus store; as `operations.add` there."""
    from indexer.building.milvus.operations import add

    with milvus_store(work.store) as store:
        embedder = work.embedder()
        return add(store, name, source, embedder, keep=work.keep, progress=report, dense=dense)


def update_in_milvus(name: str, work: "WorkOptions", report: Any) -> "Outcome":
    """Read the sources of a gallery in a Milvus store again; as `operations.update`."""
    from indexer.building.milvus.update import update

    with milvus_store(work.store) as store:
        return update(store, name, work.embedder(), keep=work.keep, progress=report)


def rebuild_in_milvus(name: str, work: "WorkOptions", kind: str | None, report: Any) -> "Repair":
    """Repair a gallery in a Milvus store; as `repair.rebuild`."""
    from indexer.building.milvus.rebuild import rebuild

    with milvus_store(work.store) as store:
        embedder = work.embedder()
        return rebuild(store, name, embedder, index_kind=kind, keep=work.keep, progress=report)


def remove_in_milvus(
    place: Path, name: str, image_ids: Sequence[str], filters: "Filters | None", keep: int
) -> "Outcome":
    """Remove images from a gallery in a Milvus store; as `operations.remove` there."""
    from indexer.building.milvus.operations import remove

    with milvus_store(place) as store:
        return remove(store, name, image_ids, filters, keep=keep)


def verify_in_milvus(place: Path, name: str) -> tuple[list["Drift"], str]:
    """Return what is wrong with a gallery in a Milvus store, and its version."""
    from indexer.building.milvus.verify import verify

    with milvus_store(place) as store:
        return verify(store, name), store.current_version(name)


@contextmanager
def milvus_store(place: Path) -> "Iterator[MilvusStore]":
    """Give a connection to the store at an address."""
    from indexer.gallery.milvus.address import MilvusAddress
    from indexer.gallery.milvus.store import MilvusStore

    store = MilvusStore(MilvusAddress.parse(str(place)))
    try:
        yield store
    finally:
        store.close()


def describe_in_milvus(place: Path, name: str) -> dict[str, Any]:
    """Return facts about the published version: degrees WGS 84, what the server reports.

    Raises:
        UnknownGalleryError: nothing is published under that name.
        StoreUnavailableError: the server does not answer.
    """
    from indexer.gallery.milvus.index_types import built

    with milvus_store(place) as store:
        gallery = store.open(name, embedder=None)
        facts, index = gallery.facts, built(store.server, gallery.collection)
        return {
            "gallery": gallery.name,
            "view": gallery.view,
            "images": gallery.size,
            "version": gallery.version,
            "created": facts.created_at,
            "versions_kept": len(store.collections(name)),
            "extent": gallery.extent(),
            "sources": [f"{Path(place).name} ({options})" for place, options in facts.sources],
            "weights": f"{facts.weights_name} ({facts.weights_sha256[:16]})",
            "descriptor_dim": gallery.descriptor_dim,
            "local_bytes": gallery.local_bytes,
            "store": str(store),
            "server": store.server.release,
            "collection": gallery.collection,
            "index": f"{index.get('index_type')} ({index.get('state')})",
            "objects": facts.objects,
        }

"""What `build` and `info` do on a Milvus store."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from indexer.building.operations import Outcome
    from indexer.commands.work_options import WorkOptions
    from indexer.sources.candidate import Source


def build_in_milvus(
    name: str,
    source: "Source",
    work: "WorkOptions",
    options: dict[str, Any],
    report: Any,
) -> "Outcome":
    """Build a gallery in a Milvus store.

    Args:
        name: of the gallery.
        source: where the images come from.
        work: the store and the weights.
        options: `objects`, `index_kind`, `start_over`, as `BuildOptions` has them.
        report: shows the progress.

    Raises:
        typer.BadParameter: `--objects` is missing.
    """
    from indexer.building.milvus_build import BuildOptions, build
    from indexer.gallery.milvus.address import MilvusAddress
    from indexer.gallery.milvus.store import MilvusStore

    if not options["objects"]:
        raise typer.BadParameter(
            "--store milvus:// needs --objects: a folder or a URL such as s3://BUCKET/PREFIX "
            "that every reader can open, for pictures and local features"
        )
    store = MilvusStore(MilvusAddress.parse(str(work.store)))
    try:
        chosen = BuildOptions(keep=work.keep, **options)
        return build(store, name, source, work.embedder(), chosen, report)
    finally:
        store.close()


def describe_in_milvus(place: Path, name: str) -> dict[str, Any]:
    """Return facts about the published version: degrees WGS 84, what the server reports.

    Raises:
        UnknownGalleryError: nothing is published under that name.
        StoreUnavailableError: the server does not answer.
    """
    from indexer.gallery.milvus.address import MilvusAddress
    from indexer.gallery.milvus.index_types import built
    from indexer.gallery.milvus.store import MilvusStore

    store = MilvusStore(MilvusAddress.parse(str(place)))
    try:
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
            "sources": [f"{Path(facts.location).name} ({facts.options})"],
            "weights": f"{facts.weights_name} ({facts.weights_sha256[:16]})",
            "descriptor_dim": gallery.descriptor_dim,
            "local_bytes": gallery.local_bytes,
            "store": str(store),
            "server": store.server.release,
            "collection": gallery.collection,
            "index": f"{index.get('index_type')} ({index.get('state')})",
            "objects": facts.objects,
        }
    finally:
        store.close()

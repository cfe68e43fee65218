"""Facts that `safenet-index info` prints."""

from pathlib import Path
from typing import Any

from indexer.commands.milvus import describe_in_milvus
from indexer.gallery.gallery import Gallery
from indexer.gallery.layout import gallery_folder
from indexer.gallery.milvus.address import is_milvus


def describe(store: Path, name: str) -> dict[str, Any]:
    """Return facts about the published version: sizes in bytes, degrees WGS 84, metres.

    Raises:
        UnknownGalleryError: nothing is published under that name.
        GalleryMismatchError: its files do not belong together.
    """
    if is_milvus(store):
        return describe_in_milvus(store, name)
    gallery = Gallery.open(store, name, embedder=None)
    try:
        manifest = gallery.manifest
        problems = list(gallery.database.problems())
        failed = sum(problem.kind == "failed" for problem in problems)
        versions = gallery_folder(store, name).versions
        ground = gallery.database.ground_sizes_m()
        return {
            "gallery": manifest.gallery,
            "view": manifest.view,
            "images": manifest.size,
            "version": manifest.version,
            "published": manifest.created_at,
            "versions_kept": sum(path.name[0] != "." for path in versions.iterdir()),
            "extent": gallery.extent(),
            "ground_m": [round(value, 2) for value in ground],
            "sources": [
                f"{Path(info.location).name} ({info.kind}, {info.state}, {info.options})"
                for info in gallery.database.sources()
            ],
            "skipped": len(problems) - failed,
            "failed": failed,
            "weights": f"{manifest.weights_name} ({manifest.weights_sha256[:16]})",
            "descriptor_dim": manifest.descriptor_dim,
            "local_bytes": manifest.local_bytes,
            "index": manifest.index_kind,
            "index_bytes": manifest.index_bytes,
            "descriptors_bytes": manifest.descriptors_bytes,
        }
    finally:
        gallery.close()

"""Index types of a Milvus server, under the names that `--index` has for local galleries."""

from dataclasses import dataclass, field
from typing import Any

from indexer.errors import BadStoreError
from indexer.gallery.milvus.server import CALL_S, MilvusServer


@dataclass(frozen=True, kw_only=True)
class MilvusIndex:
    """An index type, how it is built and searched, and the first release that knows it.

    `depth` is how many candidates are fetched at least and scored with their fp16 descriptors.
    """

    type: str
    since: tuple[int, int]
    build: dict[str, object] = field(default_factory=dict)
    search: dict[str, object] = field(default_factory=dict)
    depth: int = 64
    in_lite: bool = True


TYPES = {
    "flat": MilvusIndex(type="FLAT", since=(2, 0)),
    "ivf-sq8": MilvusIndex(
        type="IVF_SQ8", since=(2, 0), build={"nlist": 1024}, search={"nprobe": 128}
    ),
    "hnsw-sq8": MilvusIndex(
        type="HNSW_SQ",
        since=(2, 5),
        build={"M": 32, "efConstruction": 80, "sq_type": "SQ8"},
        search={"ef": 256},
    ),
    "ivf-rabitq": MilvusIndex(
        type="IVF_RABITQ",
        since=(2, 6),
        build={"nlist": 1024},
        search={"nprobe": 160, "rbq_query_bits": 8},
        depth=200,
        in_lite=False,
    ),
}
"""By the name of the same type in a local gallery; the parameters are those of local galleries.

IVF_RABITQ's own refinement would hold the fp16 descriptors in the server's memory; ours reads those
of the candidates only.
"""

_AUTO = ("ivf-rabitq", "hnsw-sq8", "ivf-sq8")
_EXACT_TO = 5_000
"""Number of rows up to which `auto` searches exhaustively. Our choice: as local galleries."""


def choose(kind: str, size: int, server: MilvusServer) -> MilvusIndex:
    """Return the index type for a gallery of about that size on this server.

    Raises:
        BadStoreError: Milvus or this release of it does not know the type.
    """
    if kind == "auto":
        if size <= _EXACT_TO:
            return TYPES["flat"]
        return next(TYPES[each] for each in _AUTO if _known(TYPES[each], server))
    if kind not in TYPES or not _known(TYPES[kind], server):
        known = ", ".join(each for each, found in TYPES.items() if _known(found, server))
        raise BadStoreError(
            f"--index {kind} does not exist on the Milvus server {server.release}; "
            f"choose auto or {known}"
        )
    return TYPES[kind]


def by_type(name: str) -> MilvusIndex:
    """Return an index type by the name that the server has for it."""
    return next((found for found in TYPES.values() if found.type == name), TYPES["flat"])


def create_index(server: MilvusServer, collection: str, index: MilvusIndex) -> None:
    """Let the server build the index as rows arrive."""
    with server.client() as client:
        params = client.prepare_index_params()
        params.add_index(
            "descriptor",
            index_name="descriptor",
            index_type=index.type,
            metric_type="IP",
            params=index.build,
        )
        client.create_index(collection, params, timeout=CALL_S)


def change_index(server: MilvusServer, collection: str, index: MilvusIndex) -> None:
    """Let the server build another index over the rows; the collection is released for it."""
    with server.client() as client:
        client.release_collection(collection, timeout=CALL_S)
        client.drop_index(collection, "descriptor", timeout=CALL_S)
    create_index(server, collection, index)


def built(server: MilvusServer, collection: str) -> dict[str, Any]:
    """Return what the server reports of the index: `index_type`, `state`, rows."""
    with server.client() as client:
        return dict(client.describe_index(collection, "descriptor", timeout=CALL_S))


def refuse_other_type(server: MilvusServer, collection: str, index_type: str) -> None:
    """Refuse an index of another type than was ordered.

    Raises:
        BadStoreError: the server built another one.
    """
    found = built(server, collection).get("index_type")
    if found != index_type:
        raise BadStoreError(
            f"the server was asked for an index {index_type} and built {found}; "
            "run: safenet-index build --replace with another --index"
        )


def _known(index: MilvusIndex, server: MilvusServer) -> bool:
    if server.is_lite:
        # It accepts any name, reports it as built, and searches exhaustively.
        return index.in_lite
    return server.numbers >= index.since

"""The services that bench_service.py compares, each in a process of its own.

Usage: python servers.py ours|plain STORE PORT. LitServe's is litserve_server.py: its workers are
processes, which need its API at the top of a module. All load the shipped weights, decode the
same way, search the gallery `map` of STORE and verify the best matches.
"""

import sys
import threading
from pathlib import Path

from indexer.gallery.gallery import Gallery
from indexer.localization.localize import Search, localize_embeddings
from model.cpu_threads import limit_blas_threads
from model.descriptor_model import ImageEmbedding
from model.embedder import Embedder
from model.images import open_image


def found(gallery: Gallery, embedder: Embedder, image: ImageEmbedding) -> list[dict[str, object]]:
    """Search and verify as the service does; the matches as the plainest JSON."""
    answer = localize_embeddings([image], gallery, embedder, Search(top_k=5))
    return [{"image_id": match.record.image_id, "score": match.score} for match in answer.matches]


def ours(store: Path, port: int) -> None:
    """This project's service with its defaults."""
    from service.app import create_app
    from service.server import Server
    from service.settings import Settings

    settings = Settings(store=store, port=port)
    Server(create_app(settings), settings).run()


def plain(store: Path, port: int) -> None:
    """FastAPI as a first draft has it: an endpoint in a thread, one image at a time."""
    import uvicorn
    from fastapi import FastAPI, UploadFile

    limit_blas_threads()
    embedder = Embedder.load()
    gallery = Gallery.open(store, "map", embedder=embedder)
    one_at_a_time = threading.Lock()
    app = FastAPI()

    @app.get("/readyz")
    def ready() -> str:
        return "ready"

    @app.post("/localize")
    def localize(image: UploadFile) -> dict[str, object]:
        picture = open_image(image.file.read(), min_side=2 * embedder.input_size)
        with one_at_a_time:
            (embedded,) = embedder.embed_query_pixels(embedder.preprocess(picture)[None])
        return {"matches": found(gallery, embedder, embedded)}

    uvicorn.run(app, port=port, log_level="warning")


if __name__ == "__main__":
    {"ours": ours, "plain": plain}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))

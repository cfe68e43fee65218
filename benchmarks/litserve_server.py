"""The same work through LitServe with its own batching, sizes as ours.

Usage: python litserve_server.py litserve STORE PORT.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import Request
from litserve import LitAPI, LitServer
from servers import found

from indexer.gallery.gallery import Gallery
from model.cpu_threads import limit_blas_threads
from model.embedder import Embedder
from model.images import open_image


class Localize(LitAPI):
    """Decodes in LitServe's server process, embeds and searches in its worker."""

    store = Path()

    def setup(self, device: str) -> None:
        """Load in the worker."""
        limit_blas_threads()
        self.embedder = Embedder.load()
        self.gallery = Gallery.open(self.store, "map", embedder=self.embedder)

    def decode_request(self, request: Request) -> Any:
        """The model's pixels of an uploaded file; what comes is the parsed form."""
        body = request["image"].file.read()  # type: ignore[index]
        return self.embedder.preprocess(open_image(body, min_side=2 * self.embedder.input_size))

    def batch(self, inputs: list[Any]) -> Any:
        """One array of a batch."""
        return np.stack(inputs)

    def predict(self, x: Any, **kwargs: Any) -> Any:
        """One embedding a picture."""
        return self.embedder.embed_query_pixels(x)

    def unbatch(self, output: Any) -> list[Any]:
        """One embedding per request."""
        return list(output)

    def encode_response(self, output: Any, **kwargs: Any) -> dict[str, object]:
        """The matches."""
        return {"matches": found(self.gallery, self.embedder, output)}


if __name__ == "__main__":
    api = Localize(max_batch_size=16, batch_timeout=0.008, api_path="/localize")
    api.store = Path(sys.argv[2])
    server = LitServer(api, accelerator="cpu", healthcheck_path="/readyz")
    server.run(
        host="127.0.0.1", port=int(sys.argv[3]), generate_client_file=False, log_level="warning"
    )

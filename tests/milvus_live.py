"""A real Milvus protocol server for tests: milvus-lite in a folder, on a port of its own."""

import socket
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from indexer.gallery.milvus.address import MilvusAddress
from indexer.gallery.milvus.store import MilvusStore


class LiveServer:
    """milvus-lite on loopback; can be stopped and started again with what it holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Serve the folder."""
        serve = pytest.importorskip("milvus_lite.adapter.grpc.server").start_server_in_thread
        self._server, self._data, _ = serve(str(self.folder), "127.0.0.1", self.port)

    def stop(self) -> None:
        """Drop every connection at once."""
        self._server.stop(grace=0).wait()
        self._data.close()

    @property
    def url(self) -> str:
        """What `--store` takes."""
        return f"milvus://127.0.0.1:{self.port}/city"

    def store(self) -> MilvusStore:
        """A new connection."""
        return MilvusStore(MilvusAddress.parse(self.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

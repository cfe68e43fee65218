"""Real Milvus servers for tests: milvus-lite in this process, and the server of PyPI's `milvus`.

That server listens on every address, so it runs only where there are no others than loopback:
`unshare --net` gives such a place (`make test-milvus`).
"""

import fcntl
import importlib
import os
import socket
import struct
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from indexer.gallery.milvus.address import MilvusAddress
from indexer.gallery.milvus.store import MilvusStore

PASSWORD = "Milvus"
"""The first password of the server's user root."""

HEALTH_PORT, START_S = 9091, 180.0

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1


class MilvusUnderTest(ABC):
    """A server on loopback that can be stopped, and started again with what it holds."""

    port: int
    user = ""
    """`USER:PASSWORD@` where the server asks for it."""

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """End it at once, as a crash would."""

    @property
    def address(self) -> str:
        """What `--store` takes."""
        return f"milvus://{self.user}127.0.0.1:{self.port}/city"

    def store(self, address: str = "") -> MilvusStore:
        """Return a new connection."""
        return MilvusStore(MilvusAddress.parse(address or self.address))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class MilvusLite(MilvusUnderTest):
    """milvus-lite in a thread of this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Serve the folder."""
        serve = pytest.importorskip("milvus_lite.adapter.grpc.server").start_server_in_thread
        self._server, self._data, _ = serve(str(self.folder), "127.0.0.1", self.port)

    def stop(self) -> None:
        """Drop every connection at once."""
        self._server.stop(grace=0).wait()
        self._data.close()


class MilvusProcess(MilvusUnderTest):
    """A server process that asks for a password."""

    user = f"root:{PASSWORD}@"

    def __init__(self, folder: Path) -> None:
        skip_without_a_namespace()
        library: Any = importlib.import_module("milvus")
        config = library.MilvusServerConfig(data_dir=str(folder))
        config.set("common.security.authorizationEnabled", True)
        config.resolve()
        library._initialize_data_files(str(folder))
        self.folder, self.port = folder, int(config.get("proxy_port"))
        self.start()

    @property
    def pid(self) -> int:
        """Number of the running process."""
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is healthy."""
        binaries = self.folder / "bin"
        environment = os.environ | {
            "DEPLOY_MODE": "STANDALONE",
            "LD_LIBRARY_PATH": str(binaries),
            "METRICS_PORT": str(HEALTH_PORT),
            "MILVUS_RUN_DIR": str(self.folder / "run"),
        }
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binaries / "milvus", "run", "standalone"],
                cwd=self.folder, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + START_S
        while not self._is_healthy():
            assert self._process.poll() is None, f"the server ended: {self.folder}/server.log"
            assert time.monotonic() < until, "the server did not become healthy"
            time.sleep(0.2)

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{HEALTH_PORT}/healthz").text == "OK"
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()


def skip_without_a_namespace() -> None:
    """Skip where the server could be reached from elsewhere, or is not installed."""
    pytest.importorskip("milvus", reason="the package milvus is missing: run make test-milvus")
    if socket.if_nameindex() != [(1, "lo")]:
        pytest.skip("Milvus listens on all addresses: run make test-milvus, which has none")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP))

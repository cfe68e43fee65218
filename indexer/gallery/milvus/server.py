"""A connection to a Milvus server, with its errors as one line each."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from indexer.errors import StoreAccessError, StoreError, StoreUnavailableError
from indexer.gallery.milvus.address import TOKEN_VARIABLE, MilvusAddress

T = TypeVar("T")

LOAD_S = 600.0
"""Longest wait for a collection to be loaded, seconds. Our choice."""

CONNECT_S, CALL_S = 5.0, 20.0
"""Longest waits for the connection and for an ordinary call, seconds. Our choice."""

_CHANNEL = {
    "grpc.initial_reconnect_backoff_ms": 500,
    "grpc.max_reconnect_backoff_ms": 3_000,
    "grpc.use_local_subchannel_pool": 1,
}
"""gRPC waits up to two minutes between attempts by default. Our choice: three seconds, so that a
server that was restarted is found at the next question."""

_REFUSED = ("auth", "permission", "privilege", "unauthenticated", "credential")
_RELEASED = ("not loaded", "in state 'released'")
_AWAY = ("connect", "unavailable", "deadline", "timeout", "timed out", "not ready", "closed")


class ReleasedError(StoreError):
    """The collection is not in the server's memory: it was restarted, or somebody released it."""


class MilvusServer:
    """One database of a server; connects when it is first used, and again by itself."""

    def __init__(self, address: MilvusAddress) -> None:
        self.address = address

    @cached_property
    def _library(self) -> Any:
        try:
            library = import_module("pymilvus")
        except ImportError as error:
            raise StoreError(
                f"{self.address} needs pymilvus; run: pip install 'safenet-geo[scale]'"
            ) from error
        # Its own logger prints every error with a trace; ours are one line.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
        return library

    @cached_property
    def _client(self) -> Any:
        address = self.address
        plain = {
            "uri": address.uri,
            "token": address.token,
            "timeout": CONNECT_S,
            "grpc_options": _CHANNEL,
        }
        client = self._library.MilvusClient(**plain)
        try:
            if address.database not in client.list_databases(timeout=CALL_S):
                client.create_database(address.database, timeout=CALL_S)
        finally:
            client.close()
        return self._library.MilvusClient(**plain, db_name=address.database)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Give the client of pymilvus; its errors become those of a store.

        Raises:
            StoreUnavailableError: the server does not answer.
            StoreAccessError: it refuses the user or the token.
            StoreError: it refuses what was asked.
        """
        errors = (self._library.MilvusException, _grpc_error())
        try:
            yield self._client
        except errors as error:
            raise self._named(error) from error

    @property
    def types(self) -> Any:
        """The names of field types."""
        return self._library.DataType

    @cached_property
    def release(self) -> str:
        """The server's own name of its release, such as v2.6.4 or milvus_lite-3.2.2."""
        with self.client() as client:
            return str(client.get_server_version(timeout=CALL_S))

    @property
    def is_lite(self) -> bool:
        """Whether the server is milvus-lite, which knows fewer types and checks no index type."""
        return self.release.startswith("milvus_lite")

    @property
    def numbers(self) -> tuple[int, int]:
        """The release's first two numbers; (0, 0) where its name has none."""
        found = re.search(r"(\d+)\.(\d+)", self.release)
        return (0, 0) if found is None else (int(found[1]), int(found[2]))

    @property
    def keeps_fp16(self) -> bool:
        """Whether collections can have fields of fp16; a server of release 2.3 dies of one."""
        return not self.is_lite and self.numbers >= (2, 4)

    @property
    def descriptor_type(self) -> type[np.floating[Any]]:
        """The type of the numbers that are written and asked: fp16 where the server has it."""
        return np.float16 if self.keeps_fp16 else np.float32

    def close(self) -> None:
        """Close the connection if there is one."""
        if "_client" in self.__dict__:
            self._client.close()
            del self.__dict__["_client"]

    def ask(self, collection: str, question: Callable[[Any], T]) -> T:
        """Return the answer of the client; a collection that was released is loaded again.

        Raises: as `client`.
        """
        try:
            with self.client() as client:
                return question(client)
        except ReleasedError:
            with self.client() as client:
                client.load_collection(collection, timeout=LOAD_S)
                return question(client)

    def _named(self, error: Exception) -> StoreError:
        # pymilvus reports a refused password as a server that is away; the cause says more.
        text = " ".join(_texts(error))
        if self.address.token:
            text = text.replace(self.address.token, "***")
            text = text.replace(self.address.token.partition(":")[2] or self.address.token, "***")
        low = text.lower()
        if any(word in low for word in _REFUSED):
            return StoreAccessError(
                f"the Milvus server of {self.address} refuses the user or the token; "
                f"set {TOKEN_VARIABLE} to USER:PASSWORD"
            )
        if any(word in low for word in _RELEASED):
            return ReleasedError(
                f"a collection of {self.address} is not loaded; load it, or ask again"
            )
        if any(word in low for word in _AWAY):
            return StoreUnavailableError(
                f"the Milvus server of {self.address} does not answer; "
                "start it, or check host and port"
            )
        reason = " ".join(text.split())[:200]
        return StoreError(
            f"the Milvus server of {self.address} refused a request ({reason}); see its log"
        )


def _texts(error: BaseException) -> Iterator[str]:
    """Yield what an error and those that caused it say; a chain may lead back to itself."""
    following: BaseException | None = error
    before: set[int] = set()
    while following is not None and id(following) not in before:
        before.add(id(following))
        yield str(getattr(following, "message", "") or following)
        following = following.__cause__ or following.__context__


def _grpc_error() -> type[Exception]:
    error: type[Exception] = import_module("grpc").RpcError
    return error

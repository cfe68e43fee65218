"""Where a Milvus server is and how to be let in; a password never appears in a text."""

import os
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from indexer.errors import BadStoreError

TOKEN_VARIABLE = "MILVUS_TOKEN"  # noqa: S105 (the name of a variable)

_SCHEME = re.compile(r"milvus(\+tls)?:/{1,2}(?!/)")
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


def is_milvus(store: object) -> bool:
    """Return whether a store's place names a Milvus server and not a folder."""
    return _SCHEME.match(str(store)) is not None


@dataclass(frozen=True, kw_only=True)
class MilvusAddress:
    """A database of a Milvus server; `token` is "user:password" or an API key, "" for none."""

    host: str
    port: int
    database: str
    tls: bool = False
    token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `milvus://host:port/database`, or `milvus+tls://…` for an encrypted connection.

        The token comes from the variable MILVUS_TOKEN, or from a `user:password@`.

        Raises:
            BadStoreError: it is no such address.
        """
        found = _SCHEME.match(text)
        rest = "" if found is None else text[found.end() :]
        try:
            parts = urlsplit(f"//{rest}")
            host, port = parts.hostname, parts.port or 19530
        except ValueError:
            host, port = None, 0
        database = parts.path.strip("/") or "default" if host else ""
        if found is None or not host or not _DATABASE.fullmatch(database):
            raise BadStoreError(
                f"{_without_password(text)!r} is no address of a Milvus database; "
                "write milvus://HOST:PORT/DATABASE"
            )
        given = unquote(parts.netloc.rpartition("@")[0])
        return cls(
            host=host,
            port=port,
            database=database,
            tls=found[1] is not None,
            token=given or os.environ.get(TOKEN_VARIABLE, ""),
        )

    @property
    def uri(self) -> str:
        """What pymilvus connects to."""
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"milvus{'+tls' if self.tls else ''}://{self.host}:{self.port}/{self.database}"


def _without_password(text: str) -> str:
    return re.sub(r"//?[^/@]*@", "//", text)[:200]

"""How many requests of each kind one client may send: token buckets that refill."""

import math
import time
from collections.abc import Callable
from typing import Literal, Protocol

from cachetools import LRUCache

from service.errors import RateLimitedError

Kind = Literal["question", "map"]

KEPT_CLIENTS = 10_000
"""Our choice: clients whose rates are kept, the latest ones; an older one starts afresh."""

MAP_SEGMENTS = frozenset({"tiles", "tiles.json", "wmts", "footprints"})
"""What maps load of a gallery, below /galleries/{name}/; all of /ogc is for maps too."""


def kind_of_request(method: str, path: str) -> Kind | None:
    """Return what a request counts as; None where it computes nothing."""
    if path.startswith(("/admin/", "/jobs/")) or path == "/galleries":
        return None
    if method == "POST" or path.startswith("/explanations/"):
        return "question"
    parts = path.split("/")
    if len(parts) == 3 and parts[1] == "tracks" and method == "GET":
        return "question"  # it smooths over all frames
    is_layer = len(parts) > 3 and parts[1] == "galleries" and parts[3] in MAP_SEGMENTS
    return "map" if is_layer or parts[1] == "ogc" else None


class Counter(Protocol):
    """Counts requests: `Rates` for one service, `SharedRates` for several."""

    async def count(self, client: str, kind: Kind) -> None:
        """Count one request; RateLimitedError where the client has none left."""

    async def close(self) -> None:
        """Free what it holds."""


class Rates:
    """The requests that each client may still send, for each kind."""

    def __init__(
        self,
        *,
        questions_per_minute: int = 0,
        maps_per_minute: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Every client may send a minute's worth at once; 0 is unlimited.

        Args:
            questions_per_minute: questions, frames, tracks and explanations of one client.
            maps_per_minute: map tiles, footprints, /ogc and layer documents of one client.
            clock: seconds, monotonic.
        """
        self._per_minute: dict[Kind, int] = {
            "question": questions_per_minute,
            "map": maps_per_minute,
        }
        self._clock = clock
        self._tokens: LRUCache[tuple[str, Kind], tuple[float, float]] = LRUCache(KEPT_CLIENTS)

    def per_minute(self, kind: Kind) -> int:
        """Return how many requests of a kind one client may send in a minute; 0: unlimited."""
        return self._per_minute[kind]

    async def count(self, client: str, kind: Kind) -> None:
        """Count one request; as `spend`."""
        self.spend(client, kind)

    async def close(self) -> None:
        """Free nothing."""

    def spend(self, client: str, kind: Kind) -> None:
        """Count one request.

        Args:
            client: who sent it, as the message names it.
            kind: what it counts as.

        Raises:
            RateLimitedError: the client has none left now.
        """
        rate = self._per_minute[kind]
        if rate == 0:
            return
        now = self._clock()
        tokens, since = self._tokens.get((client, kind), (float(rate), now))
        tokens = min(float(rate), tokens + (now - since) * rate / 60)
        if tokens < 1:
            self._tokens[client, kind] = (tokens, now)
            raise too_many(client, kind, rate, tokens)
        self._tokens[client, kind] = (tokens - 1, now)


def too_many(client: str, kind: Kind, rate: int, tokens: float) -> RateLimitedError:
    """Return the refusal of a client with less than one token left."""
    wait_s = math.ceil((1 - tokens) * 60 / rate)
    return RateLimitedError(
        f"{client} sent {rate} {kind} requests within a minute, as many as allowed; "
        f"send the next one in {wait_s} s",
        retry_after_s=wait_s,
    )

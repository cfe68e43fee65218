"""Rates of requests that several services count together, in Redis (extra `scale`).

While Redis does not answer, each service counts for itself: a client may then send up to the rate
times the number of services, and waits a moment longer at most.
"""

import hashlib
import logging
import time
from importlib import import_module
from typing import Any

from service.errors import SettingsError
from service.middleware.rates import Kind, Rates, too_many

ANSWER_S, AWAY_S = 0.25, 5.0
"""Longest wait for Redis, and for how long it is left alone after it did not answer, seconds. Our
choice: a question takes about as long as the first."""

KEPT_S = 120
"""For how long Redis keeps a client's tokens. Our choice: they are full after 60 s."""

_SPEND = """
local rate = tonumber(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'since')
local since = tonumber(kept[2]) or now
local tokens = math.min(rate, (tonumber(kept[1]) or rate) + (now - since) * rate / 60)
local left = tokens
if tokens >= 1 then left = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(left), 'since', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return tostring(tokens)
"""
"""A token bucket, in one step and by the clock of Redis; returns the tokens before."""

_log = logging.getLogger(__name__)


class SharedRates:
    """Token buckets in Redis, with `Rates` of this process where it does not answer."""

    def __init__(self, alone: Rates, url: str) -> None:
        """Connect when the first request is counted.

        Args:
            alone: the rates, and what counts while Redis is away.
            url: of Redis.

        Raises:
            SettingsError: the package redis is missing, or the URL cannot be read.
        """
        self._alone, self._away_until = alone, 0.0
        try:
            library: Any = import_module("redis.asyncio")
        except ImportError as error:
            raise SettingsError(
                "SAFENET_REDIS_URL needs the package redis; run: pip install 'safenet-geo[scale]'"
            ) from error
        self._errors: tuple[type[Exception], ...] = (library.RedisError, OSError)
        try:
            client = library.from_url(
                url,
                socket_timeout=ANSWER_S,
                socket_connect_timeout=ANSWER_S,
                retry=_never_again(),
            )
        except ValueError as error:
            raise SettingsError(
                "SAFENET_REDIS_URL cannot be read; write redis://HOST:PORT/NUMBER"
            ) from error
        self._client, self._spend = client, client.register_script(_SPEND)

    async def count(self, client: str, kind: Kind) -> None:
        """Count one request with all services; with this one alone while Redis is away.

        Raises:
            RateLimitedError: the client has none left now.
        """
        rate = self._alone.per_minute(kind)
        if rate == 0:
            return
        tokens = await self._tokens(client, kind, rate)
        if tokens is None:
            self._alone.spend(client, kind)
        elif tokens < 1:
            raise too_many(client, kind, rate, tokens)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _tokens(self, client: str, kind: Kind, rate: int) -> float | None:
        if time.monotonic() < self._away_until:
            return None
        name = hashlib.sha256(client.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        try:
            return float(await self._spend(keys=[f"safenet:{kind}:{name}"], args=[rate, KEPT_S]))
        except self._errors as error:
            _log.error("rates are counted by each service alone", extra={"reason": _kind(error)})
            self._away_until = time.monotonic() + AWAY_S
            return None


def _never_again() -> Any:
    backoff = import_module("redis.backoff").NoBackoff()
    return import_module("redis.asyncio.retry").Retry(backoff, 0)


def _kind(error: Exception) -> str:
    """Return what is wrong without the address or the password of Redis."""
    return f"Redis does not answer ({type(error).__name__})"

"""API keys: stored as digests, compared in constant time; and the rates of their requests."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import AccessError, RateLimitedError, SettingsError
from service.middleware.rates import Counter, kind_of_request
from service.problems import TABLE, ProblemKind, problem

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz"})
OPEN_PREFIX = "/static/"
"""Paths that never need a key: health, and the page, which holds no data and prompts for a key."""

_ENTRY = re.compile(
    r"([A-Za-z0-9._-]{1,64})(?::(read|admin))?(?:@(\d{4}-\d{2}-\d{2}))?=sha256:([0-9a-f]{64})"
)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """One key: `read` keys may not use /admin; a key is valid to the end of `expires_on`, UTC."""

    name: str
    digest: bytes
    may_administer: bool
    expires_on: date | None


def _is_date(text: str | None) -> bool:
    try:
        return text is None or date.fromisoformat(text) is not None
    except ValueError:
        return False


def new_key() -> str:
    """Return a new key of 256 random bits, which a plain digest protects well enough."""
    return "sng_" + secrets.token_urlsafe(32)


def key_digest(key: str) -> str:
    """Return the SHA-256 of a key, hex: all that the service stores."""
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKeys:
    """The digests of all keys by name."""

    def __init__(self, entries: str) -> None:
        """Read SAFENET_API_KEYS.

        Args:
            entries: comma-separated NAME[:ROLE][@DATE]=sha256:HEX, with ROLE read or admin (the
                default), and DATE the last day on which the key is valid, UTC.

        Raises:
            SettingsError: an entry has another form, or a name comes twice.
        """
        self._keys: dict[str, ApiKey] = {}
        for number, entry in enumerate(filter(None, map(str.strip, entries.split(","))), start=1):
            parsed = _ENTRY.fullmatch(entry)
            if parsed is None or parsed[1] in self._keys or not _is_date(parsed[3]):
                raise SettingsError(
                    f"SAFENET_API_KEYS: entry {number} is not a new "
                    "NAME[:read|:admin][@YYYY-MM-DD]=sha256:HEX; "
                    "make one with safenet-serve new-key NAME"
                )
            self._keys[parsed[1]] = ApiKey(
                name=parsed[1],
                digest=bytes.fromhex(parsed[4]),
                may_administer=parsed[2] != "read",
                expires_on=date.fromisoformat(parsed[3]) if parsed[3] else None,
            )

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key: str, *, today: date | None = None) -> ApiKey:
        """Return a key's entry; every digest is compared, in constant time.

        Args:
            key: as it was sent.
            today: the date; None: that of the clock, UTC.

        Raises:
            AccessError: there is no such key, or it has expired.
        """
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = [one for one in self._keys.values() if hmac.compare_digest(one.digest, digest)]
        if not found:
            raise AccessError("the key is wrong; send one that the operator gave out")
        expires_on = found[0].expires_on
        if expires_on is not None and (today or datetime.now(UTC).date()) > expires_on:
            raise AccessError(f"the key expired on {expires_on}; ask the operator for a new one")
        return found[0]


class RequireApiKey:
    """ASGI middleware: only health and the bare page answer without a key where one is required.

    Requests that compute are counted for their key, or for their address where none was sent.
    """

    def __init__(self, app: ASGIApp, keys: ApiKeys, rates: Counter, *, required: bool) -> None:
        self._app, self._keys, self._rates, self._required = app, keys, rates, required

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path in OPEN_PATHS or path.startswith(OPEN_PREFIX):
            await self._app(scope, receive, send)
            return
        try:
            name = self._key_name(scope)
            counted = kind_of_request(scope["method"], path)
            if counted is not None:
                await self._rates.count(f"key {name!r}" if name else _address(scope), counted)
        except (AccessError, RateLimitedError) as error:
            headers = {"WWW-Authenticate": _challenge(path)}
            if isinstance(error, RateLimitedError):
                headers = {"Retry-After": str(error.retry_after_s)}
            kind: ProblemKind = TABLE[type(error)]
            await problem(Request(scope), kind, str(error), headers)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _key_name(self, scope: Scope) -> str | None:
        """Return the name of the request's key; None where none is needed.

        Raises:
            AccessError: it has none, and needs one, or a wrong one.
        """
        is_admin = is_administration(scope["method"], scope["path"])
        key = _presented(Headers(scope=scope), basic=not is_admin)
        if key is None:
            if is_admin and not len(self._keys):
                raise AccessError("no key is configured; set SAFENET_API_KEYS to administer")
            if self._required or is_admin:
                raise AccessError(
                    "a key is needed; send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
                )
            return None
        if not len(self._keys) and not is_admin:
            return None
        found = self._keys.find(key)
        if is_admin and not found.may_administer:
            raise AccessError(f"key {found.name!r} may only read; this needs an admin key")
        scope["state"]["key_name"] = found.name
        return found.name


def is_administration(method: str, path: str) -> bool:
    """Return whether a request changes the service, for which only admin keys are good."""
    if path.startswith(("/admin/", "/jobs/")):
        return True
    return method == "POST" and path.rstrip("/") == "/galleries"


def _address(scope: Scope) -> str:
    return f"address {(scope.get('client') or ('unknown',))[0]}"


def _challenge(path: str) -> str:
    """Return WWW-Authenticate; Basic only where the browser itself must prompt for the key."""
    return 'Bearer, Basic realm="safenet"' if path.startswith("/docs") else "Bearer"


def _presented(headers: Headers, *, basic: bool) -> str | None:
    """Return the key of a request; a browser sends it as the password of Basic authentication.

    Basic is refused for /admin: a browser adds it to requests that other sites make.
    """
    if (key := headers.get("x-api-key")) is not None:
        return key
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic" and basic:
        try:
            pair = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return pair.partition(":")[2]
    return None

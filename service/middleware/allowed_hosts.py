"""Refuse requests for other hosts: the defence against DNS rebinding.

A web page may point a name of its own at 127.0.0.1 and so reach a service that only this machine
should reach; its requests carry that name in `Host`.
"""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems import ProblemKind, problem

MISDIRECTED = ProblemKind(421, "unknown-host", "Unknown host")


class AllowedHosts:
    """ASGI middleware that answers 421 unless `Host` is one of the given names."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        """Allow these names.

        Args:
            app: the application.
            hosts: lower-case host names or addresses, without a port.
        """
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http":
            host = host_name(Headers(scope=scope).get("host", ""))
            if host not in self._hosts:
                detail = (
                    f"this service does not answer for host {host[:80]!r}; use one of its own "
                    "names, or add it to SAFENET_ALLOWED_HOSTS"
                )
                await problem(Request(scope), MISDIRECTED, detail)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def host_name(header: str) -> str:
    """Return the name in a Host header, lower case, without a port or brackets."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host

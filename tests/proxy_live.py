"""The real proxy of docker/proxy (nginx with TLS) before the real service, on loopback."""

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from conftest import ColourEmbedder
from service_live import free_port, serving, settings_of

from service.app import create_app

START = Path(__file__).resolve().parent.parent / "docker" / "proxy" / "start.sh"
MODULES = Path("/usr/lib/nginx/modules")
NEEDED = ("ngx_stream_module.so", "ngx_http_brotli_filter_module.so")


def require_nginx() -> None:
    """Skip the test where nginx, its modules or openssl are not installed."""
    missing = [name for name in NEEDED if not (MODULES / name).exists()]
    missing += [name for name in ("nginx", "openssl") if shutil.which(name) is None]
    if missing:
        pytest.skip(
            f"not installed: {', '.join(missing)}; apt-get install nginx-light openssl "
            "libnginx-mod-stream libnginx-mod-http-brotli-filter"
        )


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A running proxy: a client of it, and its ports."""

    client: httpx.Client
    service: httpx.Client
    port: int
    http_port: int
    tls: ssl.SSLContext

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """A plain connection to the TLS port from an address of loopback."""
        return socket.create_connection(("127.0.0.1", self.port), 30, (source, 0))

    def connect_tls(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """A TLS connection from an address of loopback."""
        return self.tls.wrap_socket(self.connect(source), server_hostname="localhost")

    def healthz(self, source: str = "127.0.0.1") -> int:
        """Status of a fresh request for /healthz from an address of loopback."""
        transport = httpx.HTTPTransport(verify=self.tls, local_address=source)
        with httpx.Client(base_url=self.client.base_url, transport=transport, timeout=30) as client:
            return client.get("/healthz").status_code


def certificate(folder: Path) -> Path:
    """A folder with a self-signed certificate for localhost and its key."""
    folder.mkdir()
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@contextmanager
def proxied(store: Path, folder: Path, *, beside: str = "", **limits: str | int) -> Iterator[Proxy]:
    """The service, and others `beside` it, behind the proxy with these variables of start.sh."""
    require_nginx()
    tls, run = certificate(folder / "tls"), Path(tempfile.mkdtemp(prefix="safenet-proxy-"))
    run.chmod(0o777)  # as root, nginx's workers are another user
    settings = settings_of(store, trusted_proxies="127.0.0.1", max_connections_per_address=512)
    port, http_port = free_port(), free_port()
    with serving(create_app(settings, ColourEmbedder()), settings) as direct:
        upstream = f"{beside} 127.0.0.1:{direct.base_url.port}"
        variables = {"TLS": tls, "RUN": run, "UPSTREAM": upstream}
        variables |= {"LISTEN": "127.0.0.1", "HTTPS_PORT": port, "HTTP_PORT": http_port, **limits}
        environment = os.environ | {name: str(value) for name, value in variables.items()}
        with (folder / "nginx.log").open("w") as log:
            process = subprocess.Popen([START], env=environment, stderr=log)
        try:
            _wait(port, process, folder / "nginx.log")
            context = ssl.create_default_context(cafile=str(tls / "fullchain.pem"))
            address = f"https://localhost:{port}"
            with httpx.Client(base_url=address, verify=context, timeout=30) as client:
                yield Proxy(
                    client=client, service=direct, port=port, http_port=http_port, tls=context
                )
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(run)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(500):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(log.read_text())

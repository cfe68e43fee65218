"""Serve a folder with range requests on loopback, in a process of its own.

A thread of the process that reads does not get to answer: both wait for ever.
Usage: python tests/range_server.py FOLDER; prints the port. /bytes-sent answers with a number.
"""

import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Files(ThreadingHTTPServer):
    """Counts the bytes of its answers."""

    request_queue_size = 128

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Ranges)
        self.folder, self.sent = folder, 0


class Ranges(BaseHTTPRequestHandler):
    """Answers GET and HEAD, whole or a range."""

    server: Files

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.server.folder / self.path.lstrip("/")
        if self.path == "/bytes-sent":
            self._answer(200, str(self.server.sent).encode())
        elif not path.is_file():
            self.send_error(404)
        else:
            self._file(path.read_bytes())

    def _file(self, data: bytes) -> None:
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if part is None:
            self._answer(200, data)
            return
        body = data[int(part[1]) : int(part[2] or len(data) - 1) + 1]
        last = int(part[1]) + len(body) - 1
        self._answer(206, body, {"Content-Range": f"bytes {part[1]}-{last}/{len(data)}"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Accept-Ranges": "bytes", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.server.sent += len(body)
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


if __name__ == "__main__":
    server = Files(Path(sys.argv[1]))
    print(server.server_port, flush=True)
    server.serve_forever()

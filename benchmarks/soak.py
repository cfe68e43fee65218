"""Ten minutes at full load, and overdriven on purpose: errors by status and the memory's growth.

Usage: python benchmarks/soak.py [SECONDS] [CLIENTS]. Clients beyond the queue's places get 429 and
come back at once, without the wait that they are asked for. Prints resident memory once a minute;
exit status 1 if an answer was neither 200 nor 429, or memory grew by more than 2 % after the first
tenth of the time.
"""

import http.client
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from bench_service import _server, _write_images, _write_store
from load import FORM, HEAD, TAIL

from model.embedder import Embedder

GROWTH = 1.02


def resident_mib(port: int) -> float:
    """Memory of the process that listens on the port, MiB."""
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = status.read_bytes().split(b"\0")
            if b"ours" in words and str(port).encode() in words:
                pages = int((status.parent / "statm").read_text().split()[1])
                return pages * 4096 / 2**20
        except OSError:
            continue
    raise RuntimeError(f"no service on port {port}")


def ask(port: int, bodies: list[bytes], until_s: float, statuses: Counter[int]) -> None:
    """One client, as fast as it can."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    number = 0
    while time.monotonic() < until_s:
        number += 1
        try:
            body = bodies[number % len(bodies)]
            connection.request("POST", "/localize", body, {"Content-Type": FORM})
            response = connection.getresponse()
            response.read()
            statuses[response.status] += 1
            if response.status == 429:
                time.sleep(0.02)
        except OSError:
            statuses[0] += 1
            connection.close()
    connection.close()


def main() -> int:
    """Run the soak."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else 160
    statuses: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as place:
        files = _write_images(Path(place) / "images")
        store = _write_store(Path(place), files, Embedder.load())
        bodies = [HEAD + file.read_bytes() + TAIL for file in sorted(files.iterdir())]
        with _server("ours", store) as port:
            began = time.monotonic()
            arguments = (port, bodies, began + seconds, statuses)
            threads = [threading.Thread(target=ask, args=arguments) for _ in range(clients)]
            for thread in threads:
                thread.start()
            time.sleep(seconds / 10)
            first = resident_mib(port)
            while time.monotonic() < began + seconds - 1:
                print(f"{time.monotonic() - began:5.0f} s {resident_mib(port):7.1f} MiB {statuses}")
                time.sleep(min(60.0, max(1.0, began + seconds - 1 - time.monotonic())))
            for thread in threads:
                thread.join()
            last = resident_mib(port)
    print(
        f"memory {first:.1f} -> {last:.1f} MiB ({last / first - 1:+.2%}); answers {dict(statuses)}"
    )
    return 0 if set(statuses) <= {200, 429} and last <= GROWTH * first else 1


if __name__ == "__main__":
    sys.exit(main())

"""A light load generator in a process of its own: N clients, one keep-alive connection each.

Usage: python load.py PORT PATH CLIENTS SECONDS FOLDER; posts the folder's files in turn as the
multipart field `image` and prints JSON: statuses, the images answered per second, each request's
wall-clock ms, and the `timing_ms` that the service told of it (null where it tells none).
"""

import http.client
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

FORM = "multipart/form-data; boundary=BENCH"
HEAD = (
    b'--BENCH\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n"
)
TAIL = b"\r\n--BENCH--\r\n"


def client(port: int, path: str, bodies: list[bytes], start: int, until_s: float) -> list[Any]:
    """(status, ms, timing) of each request of one client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    answers: list[Any] = []
    number = start
    while time.perf_counter() < until_s:
        began = time.perf_counter()
        connection.request("POST", path, bodies[number % len(bodies)], {"Content-Type": FORM})
        response = connection.getresponse()
        body = response.read()
        ms = (time.perf_counter() - began) * 1e3
        told = json.loads(body).get("timing_ms") if response.status == 200 else None
        answers.append((response.status, ms, told))
        number += 1
    connection.close()
    return answers


def main() -> None:
    """Run the clients and print what they saw."""
    port, path, clients, seconds, folder = sys.argv[1:]
    bodies = [HEAD + file.read_bytes() + TAIL for file in sorted(Path(folder).iterdir())]
    found: list[Any] = []
    began = time.perf_counter()
    until_s = began + float(seconds)

    def run(number: int) -> None:
        found.extend(client(int(port), path, bodies, number * 7, until_s))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed_s = time.perf_counter() - began
    statuses = Counter(status for status, _, _ in found)
    print(
        json.dumps(
            {
                "statuses": statuses,
                "per_s": statuses[200] / elapsed_s,
                "requests": [{"ms": ms, "timing": told} for _, ms, told in found],
            }
        )
    )


if __name__ == "__main__":
    main()

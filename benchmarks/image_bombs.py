"""Send eight PNGs of 375 KB and 100 Mpx at once; print the memory of the service before and after.

Usage: python benchmarks/image_bombs.py ADDRESS PID, of a service that only you use, with
SAFENET_DEADLINE_S=600. Memory is that of the process, MiB; its peak is the highest ever.
"""

import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

SIDE_PX, CLIENTS = 10_000, 8


def png() -> bytes:
    """Return a transparent RGBA image, packed as small as it can be."""
    packer = zlib.compressobj(9)
    row = bytes(1 + 4 * SIDE_PX)
    packed = b"".join(packer.compress(row) for _ in range(SIDE_PX)) + packer.flush()
    head = struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def memory_mib(pid: str) -> dict[str, int]:
    """Return the resident memory of a process and its peak, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return {name: int(values[name].split()[0]) >> 10 for name in ("VmRSS", "VmHWM")}


def main(address: str, pid: str) -> None:
    """Attack, and print what it did to the memory."""
    data = png()
    print(f"{CLIENTS} files of {len(data):,} bytes; before: {memory_mib(pid)}")

    def send(_: int) -> int:
        headers = {"Content-Type": "image/png"}
        url = f"{address}/localize"
        return httpx.post(url, content=data, headers=headers, timeout=1200).status_code

    with ThreadPoolExecutor(CLIENTS) as clients:
        print("answers:", *clients.map(send, range(CLIENTS)))
    print(f"after: {memory_mib(pid)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

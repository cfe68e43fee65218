"""Print a pip report's wheels as requirements with hashes; `make lock` runs it.

Usage: python docker/lock.py REPORT CONSTRAINTS
"""

import json
import sys
from pathlib import Path


def main(report: str, constraints: str) -> None:
    """Print one line for each wheel: the pin of the constraints, and the hash."""
    pins = {_key(line.split("==")[0]): line for line in Path(constraints).read_text().split()}
    print("# What the image installs, with the hash of each wheel (Linux, x86-64): make lock")
    lines = []
    for item in json.loads(Path(report).read_text())["install"]:
        if "archive_info" not in item["download_info"]:
            continue  # the project itself
        sha256 = item["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{pins[_key(item['metadata']['name'])]} --hash=sha256:{sha256}")
    print(*sorted(lines, key=str.lower), sep="\n")


def _key(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Print what an image installs as requirements, before they are pinned; `make lock` runs it.

Usage: python docker/wanted.py cpu|gpu
"""

import sys
import tomllib
from pathlib import Path


def main(image: str) -> None:
    """Print one requirement a line."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    wanted = project["dependencies"]
    if image == "gpu":
        # faiss-cpu and faiss-gpu import under one name, so only one of them may be there.
        wanted = [each for each in wanted if not each.startswith("faiss-cpu")]
        wanted += project["optional-dependencies"]["gpu"]
    print(*wanted, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

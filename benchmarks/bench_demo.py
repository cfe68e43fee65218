"""From a fresh clone to the demo's first answer, with an empty pip cache; what an install takes.

The clone has what is committed. `demo_install_s`, `demo_world_s` and `demo_galleries_s` are its
parts, `demo_second_start_s` is `make demo` again after `make demo-stop`.
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from importlib import metadata
from pathlib import Path

from figure import CannotRun, Figure
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "safenet-geo:cpu"


def run() -> dict[str, Figure]:
    """Return every figure; the image's size where a container engine has it."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        raise CannotRun("git and a clone are needed")
    figures = {"install_mb": Figure.of([_install_bytes() / 1e6], "MB")} | _image()
    with tempfile.TemporaryDirectory() as place:
        clone = Path(place) / "clone"
        _run(["git", "clone", "--quiet", "--local", str(ROOT), str(clone)], Path(place))
        try:
            return figures | _demo(clone)
        finally:
            _run(["make", "demo-stop"], clone)


def _demo(clone: Path) -> dict[str, Figure]:
    began = time.time()
    url = _curl(_run(["make", "demo", f"PORT={_free_port()}"], clone))
    _ask(clone, *url)
    answered = time.time()
    folder = clone / "var" / "demo"
    installed, world, galleries = (
        path.stat().st_mtime
        for path in (
            clone / ".venv" / ".demo_installed",
            folder / "world.stamp",
            folder / "galleries.stamp",
        )
    )
    _run(["make", "demo-stop"], clone)
    again = time.time()
    _run(["make", "demo", f"PORT={_free_port()}"], clone)
    seconds = {
        "demo_first_answer_s": answered - began,
        "demo_install_s": installed - began,
        "demo_world_s": world - installed,
        "demo_galleries_s": galleries - world,
        "demo_second_start_s": time.time() - again,
    }
    return {key: Figure.of([value], "s") for key, value in seconds.items()}


def _curl(printed: str) -> tuple[str, str]:
    """Return the image and the address of the curl command that `make demo` prints."""
    (line,) = (line for line in printed.splitlines() if line.strip().startswith("curl "))
    words = shlex.split(line)
    return words[2].removeprefix("image=@"), words[3]


def _ask(clone: Path, image: str, url: str) -> None:
    request = urllib.request.Request(  # noqa: S310
        url, (clone / image).read_bytes(), {"Content-Type": "image/jpeg"}
    )
    urllib.request.urlopen(request, timeout=60).read()  # noqa: S310


def _run(command: list[str], folder: Path) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS")
    }
    done = subprocess.run(  # noqa: S603
        command,
        cwd=folder,
        env=environment | {"PIP_NO_CACHE_DIR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotRun(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def _install_bytes() -> int:
    """Return the bytes of what `pip install safenet-geo` brings, the project's own included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    closure: dict[tuple[str, frozenset[str]], metadata.Distribution] = {}
    waiting = [Requirement(each) for each in project["dependencies"]]
    while waiting:
        wanted = waiting.pop()
        key = wanted.name.lower(), frozenset(wanted.extras)
        if key not in closure and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            closure[key] = metadata.distribution(wanted.name)
            waiting += _needs(closure[key], wanted.extras)
    files = {
        Path(str(file.locate()))
        for distribution in closure.values()
        for file in distribution.files or []
    }
    for package in ("console", "model", "indexer", "service", "training"):
        files |= {path for path in (ROOT / package).rglob("*") if path.suffix != ".pyc"}
    return sum(path.stat().st_size for path in files if path.is_file())


def _needs(distribution: metadata.Distribution, extras: set[str]) -> list[Requirement]:
    """Return what a distribution needs with these extras, without their markers."""
    needs = [Requirement(each) for each in distribution.requires or []]
    chosen = [
        each
        for each in needs
        if each.marker is None
        or any(each.marker.evaluate({"extra": extra}) for extra in extras or {""})
    ]
    for each in chosen:
        each.marker = None
    return chosen


def _image() -> dict[str, Figure]:
    """Return the size of the CPU image, where an engine has it."""
    engine = shutil.which("docker")
    if engine is None:
        return {}
    asked = [engine, "image", "inspect", "--format", "{{.Size}}", IMAGE]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        print(f"image_mb: no engine runs, or it has no {IMAGE}", file=sys.stderr)
        return {}
    return {"image_mb": Figure.of([int(done.stdout) / 1e6], "MB")}

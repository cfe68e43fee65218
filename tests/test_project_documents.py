"""What the documents show works: commands and flags exist, links lead somewhere, code runs."""

import contextlib
import importlib
import io
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from document_workplace import LATITUDE, LONGITUDE, SCRIPTS, Workplace
from documents import DOCUMENTS, ROOT, Block, blocks, is_run, links, our_commands
from typer.main import get_command

README = ROOT / "README.md"
GALLERIES = ROOT / "docs" / "galleries.md"
SERVICE = ROOT / "docs" / "service.md"
SHELL = {each: blocks(each, "sh", "bash") for each in DOCUMENTS}
PYTHON = [block for document in DOCUMENTS for block in blocks(document, "python")]
MADE = ("reference/", "commands.md")
"""Pages that `make docs` writes, and checks the links to."""
GIVEN = {"world.md": {"rgb": np.full((512, 512, 3), 120, dtype=np.uint8)}}
"""What a document's Python code takes for granted, as its text says."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def runnable(document: Path) -> list[Block]:
    return [block for block in SHELL[document] if is_run(block)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """The README's shell blocks, run once: afterwards the gallery `city` is there."""
    if shutil.which("curl") is None:
        pytest.fail("no curl: install it, the documents use it")
    place = Workplace(folder=tmp_path_factory.mktemp("documents"), port=free_port())
    place.prepare()
    (place.folder / "printed").write_text("".join(place.run(b.text) for b in runnable(README)))
    return place


@pytest.fixture(scope="module")
def service(workplace: Workplace) -> Iterator[Workplace]:
    """The service, started as the README starts it; its one gallery is `city`."""
    (start,) = re.findall(r"^(SAFENET_\S+ \S*safenet-serve)$", README.read_text(), re.MULTILINE)
    with (
        (workplace.folder / "serve.log").open("wb") as log,
        subprocess.Popen(
            ["bash", "-c", start.replace("SAFENET_", "exec env SAFENET_", 1)],
            cwd=workplace.folder,
            env=workplace.environment,
            stdout=log,
            stderr=log,
        ) as running,
    ):
        try:
            wait_until_ready(workplace, running)
            yield workplace
        finally:
            running.terminate()


def wait_until_ready(workplace: Workplace, running: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{workplace.port}/readyz").status_code == 200:
                return
        assert running.poll() is None, (workplace.folder / "serve.log").read_text()
        time.sleep(0.1)
    pytest.fail((workplace.folder / "serve.log").read_text())


def command_of(name: str) -> Any:
    module, _, attribute = SCRIPTS[name].partition(":")
    return get_command(getattr(importlib.import_module(module), attribute))


def flags_of(command: Any) -> set[str]:
    options = ((*each.opts, *each.secondary_opts) for each in command.params)
    return {"--help", *(flag for each in options for flag in each)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_every_command_and_flag_that_a_document_shows_exists(document: Path) -> None:
    for name, rest in our_commands(document):
        words = shlex.split(rest.replace("'", "").replace('"', ""))
        command = command_of(name)
        flags = {word.partition("=")[0] for word in words if word.startswith("--")}
        below = getattr(command, "commands", {})
        if words and below:
            default = getattr(command, "default_command", None)
            command = below.get(words[0], below.get(default, command))
        assert flags <= flags_of(command), f"{name}{rest}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_every_linked_file_and_picture_exists(document: Path) -> None:
    assert [
        link
        for link in links(document)
        if not link.startswith(MADE) and not (document.parent / link).exists()
    ] == []


def test_the_readme_shows_every_console_command() -> None:
    assert {command for command, _ in our_commands(README)} == set(SCRIPTS)


def test_the_readme_s_shell_lines_find_the_photo_on_the_map(workplace: Workplace) -> None:
    printed = (workplace.folder / "printed").read_text()
    (best,) = re.findall(r"^photo\.jpg\s+1\s+.*$", printed, re.MULTILINE)
    assert "match" in best
    assert float(best.split("\t")[4]) == pytest.approx(LATITUDE, abs=3e-4)


def test_the_requests_that_the_service_s_page_shows_are_answered(service: Workplace) -> None:
    for block in runnable(SERVICE):
        assert '"status"' in service.run(block.text), block


def test_the_commands_that_the_galleries_page_shows_find_the_photo(tmp_path: Path) -> None:
    place = Workplace(folder=tmp_path, port=free_port())
    place.prepare()
    printed = "".join(place.run(block.text) for block in runnable(GALLERIES))
    assert re.search(r"^photo\.jpg\s+1\s+.*\bmatch\b", printed, re.MULTILINE)


def test_every_safe_shell_block_is_run_by_a_test_above() -> None:
    assert {each for each in DOCUMENTS if runnable(each)} == {README, GALLERIES, SERVICE}


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_code_runs_as_it_stands(
    block: Block, service: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(service.folder)
    names: dict[str, Any] = dict(GIVEN.get(block.document.name, {}))
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(service.local(block.text), str(block), "exec"), names)
    if "answer" in names:
        assert names["answer"].status == "match"
        assert names["answer"].estimate.latitude == pytest.approx(LATITUDE, abs=1e-4)
        assert names["answer"].estimate.longitude == pytest.approx(LONGITUDE, abs=1e-4)

"""The Makefile, the CI script and the documents agree on what can be run."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
PROMISED = {"help", "setup", "demo", "demo-check", "demo-stop", "test", "check", "bench", "clean"}
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".ci/run"]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))


def test_every_promised_target_exists_and_make_help_tells_of_it() -> None:
    told = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert targets() >= PROMISED
    assert set(re.findall(r"^  make ([a-z-]+) +\S", told, flags=re.MULTILINE)) == targets()


def test_every_target_is_phony() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert phony is not None
    assert set(phony.group(1).split()) == targets()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    code = re.findall(r"`[^`\n]+`|^```.*?^```|^make .*$", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip("` ") for block in code for line in block.splitlines()]
    named = {
        word
        for line in lines
        if line.startswith("make ")
        for word in line.partition("#")[0].split()[1:]
        if re.fullmatch(r"[a-z-]+", word)
    }
    assert named <= targets()


def test_the_ci_script_runs_the_linters_and_the_whole_suite() -> None:
    script = ROOT / ".ci" / "run"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    lines = script.read_text().splitlines()
    assert {"make lint", "make test"} <= set(lines)
    assert "set -euo pipefail" in lines


def test_no_project_file_names_a_download_address() -> None:
    for name in ("constraints.txt", "pyproject.toml", "Makefile", ".ci/run", "docker-compose.yml"):
        assert "://" not in (ROOT / name).read_text(), name

"""What the README shows can be done: commands, flags, files, imports, requests."""

import functools
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
SHELL = "\n".join(text for kind, text in BLOCKS if kind == "sh") + "\n".join(
    re.findall(r"`([^`\n]+)`", README)
)
OURS = re.findall(r"(?:\.venv/bin/)?(safenet-[a-z]+)((?: [^\s#|]+)*)", SHELL)


@functools.cache
def help_of(command: str, *subcommand: str) -> str:
    shown = subprocess.run(
        [Path(sys.executable).parent / command, *subcommand, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "400", "NO_COLOR": "1", "TERM": "dumb", "PATH": ""},
    )
    return shown.stdout


def is_group(command: str) -> bool:
    return "COMMAND [ARGS]" in help_of(command)


@pytest.mark.parametrize(("command", "rest"), sorted(set(OURS)))
def test_every_command_and_flag_shown_is_in_its_help(command: str, rest: str) -> None:
    words = shlex.split(rest)
    subcommand = words[:1] if words and is_group(command) else []
    told = help_of(command, *subcommand)
    flags = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert flags <= set(re.findall(r"--[a-z][a-z-]*", told))


def test_the_readme_shows_every_console_command() -> None:
    assert {command for command, _ in OURS} == {
        "safenet-world",
        "safenet-train",
        "safenet-eval",
        "safenet-index",
        "safenet-serve",
    }


def test_every_linked_file_and_picture_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_file_tree_is_the_tree() -> None:
    (tree,) = (text for kind, text in BLOCKS if kind == "" and text.startswith("model/"))
    folder = Path()
    for line in tree.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = Path(name)
            assert (ROOT / folder).is_dir(), name
        else:
            assert (ROOT / folder / name).exists(), f"{folder}/{name}"


def test_python_examples_import_what_exists() -> None:
    for kind, text in BLOCKS:
        if kind == "python":
            imports = "\n".join(re.findall(r"^(?:from|import) .*$", text, flags=re.MULTILINE))
            subprocess.run([sys.executable, "-c", imports], cwd=ROOT, check=True)
            compile(text, "README.md", "exec")


def test_the_answer_shown_has_the_fields_that_the_service_gives() -> None:
    from service.schemas import AnswerBody

    (shown,) = (json.loads(text) for kind, text in BLOCKS if kind == "json")
    AnswerBody.model_validate(shown)

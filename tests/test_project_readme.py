"""What the README shows can be done: commands, flags, files, imports, requests."""

import importlib
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
SHELL = "\n".join(text for kind, text in BLOCKS if kind == "sh") + "\n".join(
    re.findall(r"`([^`\n]+)`", README)
)
OURS = re.findall(r"(?:\.venv/bin/)?(safenet-[a-z]+)((?: [^\s#|]+)*)", SHELL)


def command_of(name: str) -> Any:
    module, _, attribute = SCRIPTS[name].partition(":")
    return get_command(getattr(importlib.import_module(module), attribute))


def flags_of(command: Any) -> set[str]:
    return {"--help", *(flag for each in command.params for flag in each.opts)}


@pytest.mark.parametrize(("name", "rest"), sorted(set(OURS)))
def test_every_command_and_flag_shown_exists(name: str, rest: str) -> None:
    words = shlex.split(rest)
    command = command_of(name)
    flags = {word.partition("=")[0] for word in words if word.startswith("--")}
    if words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words[0]]
    assert flags <= flags_of(command)


def test_the_readme_shows_every_console_command() -> None:
    assert {command for command, _ in OURS} == set(SCRIPTS)


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
            compile(text, "README.md", "exec")
            for module, names in re.findall(r"^from (\S+) import (.+)$", text, re.MULTILINE):
                for name in names.split(", "):
                    assert hasattr(importlib.import_module(module), name), f"{module}.{name}"


def test_the_answer_shown_has_the_fields_that_the_service_gives() -> None:
    from service.schemas import AnswerBody

    (shown,) = (json.loads(text) for kind, text in BLOCKS if kind == "json")
    AnswerBody.model_validate(shown)

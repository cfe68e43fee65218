"""The package table and the pins cover what the tree holds."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOP_LEVEL = ("console", "model", "training", "indexer", "service")


def normal_name(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {normal_name(line): line for line in lines}


def requirements() -> list[str]:
    """Return the project's requirements, those of every extra included."""
    extras = PROJECT["project"]["optional-dependencies"]
    return [
        *PROJECT["project"]["dependencies"],
        *(each for extra in extras.values() for each in extra),
    ]


def test_every_folder_of_python_files_is_an_installed_package() -> None:
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in TOP_LEVEL
        for path in (ROOT / top).rglob("*.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders


def test_a_pin_is_a_name_and_a_version_and_nothing_else() -> None:
    odd = [
        line
        for line in pins().values()
        if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line)
    ]
    assert odd == []


def test_every_dependency_of_every_extra_is_pinned() -> None:
    missing = {normal_name(each) for each in requirements()} - set(pins())
    assert missing == set(), "run `make setup constraints`"


@cache
def distributions() -> Mapping[str, list[str]]:
    """Return the distributions that bring each importable name."""
    return packages_distributions()


def imported(file: Path) -> Iterator[str]:
    """Yield the top-level name of every absolute import of a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("folder", [*TOP_LEVEL, "tests", "benchmarks", "docs"])
def test_every_library_that_is_imported_is_declared(folder: str) -> None:
    declared = {normal_name(each) for each in requirements()}
    ours = {*TOP_LEVEL, "tests", "_typeshed", *(file.stem for file in (ROOT / folder).glob("*.py"))}
    used = {name for file in (ROOT / folder).rglob("*.py") for name in imported(file)}
    homes = distributions()
    undeclared = {
        name
        for name in used - ours - set(sys.stdlib_module_names)
        if name in homes and not declared & {normal_name(each) for each in homes[name]}
    }
    assert undeclared == set(), "add them to pyproject.toml"


@pytest.mark.parametrize("command", sorted(PROJECT["project"]["scripts"]))
def test_every_console_command_names_an_attribute_that_exists(command: str) -> None:
    module, _, attribute = PROJECT["project"]["scripts"][command].partition(":")
    file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    assert re.search(rf"^{attribute}\b.*=", file.read_text(), flags=re.MULTILINE)


def test_package_data_patterns_match_files() -> None:
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        folder = ROOT.joinpath(*package.split("."))
        for pattern in patterns:
            assert any(folder.glob(pattern)), f"{package}: {pattern} matches nothing"

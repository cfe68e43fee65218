"""The project's documents, taken apart for their tests: code blocks, commands and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

PACKAGE = "safenet-geo"
"""The distribution, which is no command."""
RUN = {"safenet-index", "curl"}
"""Programs whose lines are run; blocks with others, such as hours of training, are only checked."""
DEMO = "var/demo/"
"""Blocks that name it need `make demo` and are only checked; `make demo-check` asks the same."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block of a document."""

    document: Path
    language: str
    text: str
    number: int
    """Count of blocks before it in its document."""

    def __str__(self) -> str:
        return f"{self.document.name}, block {self.number}"


def blocks(document: Path, *languages: str) -> list[Block]:
    """Return a document's fenced blocks in the languages; all without any."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    return [
        Block(document=document, language=language, text=text, number=number)
        for number, (language, text) in enumerate(found)
        if not languages or language in languages
    ]


def programs(block: Block) -> set[str]:
    """Return the first word of every command of a shell block, without settings and folder."""
    lines = re.sub(r"\\\n", " ", block.text).splitlines()
    words = (re.sub(r"^(\w+=\S* )+", "", line).split() for line in lines)
    return {line[0].rpartition("/")[2] for line in words if line and line[0] != "#"}


def is_run(block: Block) -> bool:
    """Return whether a shell block is safe and quick to run."""
    return programs(block) <= RUN and DEMO not in block.text


def our_commands(document: Path) -> Iterator[tuple[str, str]]:
    """Yield (command, its words) of every safenet command in code of a document."""
    text = document.read_text()
    code = "\n".join(block.text for block in blocks(document))
    code += "\n" + "\n".join(re.findall(r"`([^`\n]+)`", text))
    code = re.sub(r"\n +(?=--)", " ", code.replace("\\|", "/"))
    found = re.findall(r"(?:\.venv/bin/)?\b(safenet-[a-z]+)\b(?![-./\[])((?: [^\s#|]+)*)", code)
    yield from (each for each in found if each[0] != PACKAGE)


def links(document: Path) -> list[str]:
    """Return the files that a document links to, as it writes them."""
    return re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text())

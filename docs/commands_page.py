"""The site's page of all commands, made from their help texts when the site is built."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

PAGE = "commands.md"
HEAD = """# Commands

Every command answers `--help` with the same text. Exit code 0: done; 1: failed; 2: wrong usage.
Errors are one line on standard error.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to the files of the site (MkDocs calls this)."""
    root = Path(config.config_file_path).parent
    scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
    texts = [command_text(name, target, root) for name, target in sorted(scripts.items())]
    files.append(File.generated(config, PAGE, content="\n".join([HEAD, *texts])))
    return files


def command_text(name: str, target: str, root: Path) -> str:
    """Return the help of one console command and its subcommands as Markdown.

    Args:
        name: The command, such as `safenet-index`.
        target: Its `module:attribute` in pyproject.toml.
        root: The repository.

    Raises:
        PluginError: typer could not import the command.
    """
    module, _, attribute = target.partition(":")
    line = [sys.executable, "-m", "typer", "--app", attribute, module, "utils", "docs"]
    done = subprocess.run([*line, "--name", name], cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        raise PluginError(f"{' '.join(line)} failed: {done.stderr.strip()}")
    return re.sub(r"^#", "##", done.stdout, flags=re.MULTILINE)

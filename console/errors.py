"""Errors of a command: one line on standard error, never a traceback."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import typer

from model.errors import SafeNetError

INTERRUPTED = "interrupted; run the same command again to go on"

UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""Click's class of usage errors; Typer ships Click under a private name."""

Explain = Callable[[Exception], str | None]
"""Returns the line for an error, or None for one that is a fault of the program."""


def print_error(text: str, *, as_json: bool = False) -> None:
    """Print an error as one line, or as one JSON object for programs that read JSON lines."""
    line = " ".join(text.split())
    shown = json.dumps({"event": "error", "message": line}) if as_json else f"error: {line}"
    print(shown, file=sys.stderr, flush=True)


def error_text(error: Exception) -> str | None:
    """Return the line for an expected error; None for one that is a fault of the program."""
    if isinstance(error, SafeNetError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'file'}: {error.strerror or error}"
    if isinstance(error, EOFError):
        return f"a file ends too early ({error or 'no more bytes'}); copy it again"
    return None


def usage_text(error: typer.BadParameter, program: str) -> str:
    """Return what was wrong and whose `--help` explains it: the command's, else the program's."""
    if isinstance(error, typer.BadParameter) and error.param is None and error.param_hint is None:
        return error.message
    context = getattr(error, "ctx", None)
    path = program if context is None else context.command_path
    return f"{error.format_message().rstrip('. ')}; see: {path} --help"


@contextmanager
def one_line_errors(
    *,
    as_json: bool = False,
    usage: tuple[type[SafeNetError], ...] = (),
    explain: Explain = error_text,
) -> Iterator[None]:
    """Turn expected errors of the block into one line and an exit code: 1, or 2 for bad usage.

    Args:
        as_json: print the line as a JSON object.
        usage: errors that count as bad usage.
        explain: returns the line for an error.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if as_json:
            print_error(INTERRUPTED, as_json=True)
        else:
            print(INTERRUPTED, file=sys.stderr)
        raise typer.Exit(1) from error
    except UsageError as error:
        if not as_json:
            raise
        print_error(usage_text(error, Path(sys.argv[0]).name), as_json=True)
        raise typer.Exit(2) from error
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        print_error(reason, as_json=as_json)
        raise typer.Exit(2 if isinstance(error, usage) else 1) from error

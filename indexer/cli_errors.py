"""How `safenet-index` says that it cannot go on: one line on standard error, never a traceback."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import typer
from typer.core import TyperGroup

from model.errors import SafeNetError

UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""Click's own; typer brings its click along under a private name."""


class OneLineGroup(TyperGroup):
    """A command group whose usage errors are one line, also those of parsing; exit code 2."""

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **more: Any) -> Any:
        """Runs the command that the arguments name; without any, the help."""
        more["standalone_mode"] = False
        if not standalone_mode:
            return super().main(args, *rest, **more)
        given = list(sys.argv[1:] if args is None else args) or ["--help"]
        try:
            code = super().main(given, *rest, **more)
        except UsageError as error:
            say(_usage_text(error))
            code = error.exit_code
        sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def one_line_errors(*, as_json: bool = False) -> Iterator[None]:
    """Turn what is raised on purpose, and what disk and databases refuse, into one line.

    Exit code 1, and 2 for bad usage. `as_json` writes the line as an object, for programs that
    read JSON lines.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        text = "interrupted; run the same command again to go on"
        if as_json:
            say(text, as_json=True)
        else:
            print(text, file=sys.stderr)
        raise typer.Exit(1) from error
    except UsageError as error:
        if not as_json:
            raise
        say(_usage_text(error), as_json=True)
        raise typer.Exit(2) from error
    except Exception as error:
        reason = error_text(error)
        if reason is None:
            raise
        say(reason, as_json=as_json)
        raise typer.Exit(1) from error


def say(text: str, *, as_json: bool = False) -> None:
    """Write an error as one line."""
    line = " ".join(text.split())
    told = json.dumps({"event": "error", "message": line}) if as_json else f"error: {line}"
    print(told, file=sys.stderr, flush=True)


def error_text(error: Exception) -> str | None:
    """What an error says to people; None for one that is a fault of the program."""
    if isinstance(error, SafeNetError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'file'}: {error.strerror or error}"
    if isinstance(error, EOFError):
        return f"a file ends too early ({error or 'no more bytes'}); copy it again"
    from indexer.lookup import DATABASE_ERRORS

    if isinstance(error, DATABASE_ERRORS):
        reason = getattr(error, "orig", None) or error
        return f"a database cannot be used ({reason}); find out more with: safenet-index verify"
    return None


def _usage_text(error: typer.BadParameter) -> str:
    if isinstance(error, typer.BadParameter) and error.param is None and error.param_hint is None:
        return error.message
    context = getattr(error, "ctx", None)
    path = "safenet-index" if context is None else context.command_path
    return f"{error.format_message().rstrip('. ')}; see: {path} --help"

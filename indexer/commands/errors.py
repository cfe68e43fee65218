"""How `safenet-index` says that it cannot go on: one line on standard error, never a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from model.errors import SafeNetError
from model.usage_errors import UsageError, say, usage_text


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
        say(usage_text(error, "safenet-index"), as_json=True)
        raise typer.Exit(2) from error
    except Exception as error:
        reason = error_text(error)
        if reason is None:
            raise
        say(reason, as_json=as_json)
        raise typer.Exit(1) from error


def error_text(error: Exception) -> str | None:
    """What an error says to people; None for one that is a fault of the program."""
    if isinstance(error, SafeNetError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'file'}: {error.strerror or error}"
    if isinstance(error, EOFError):
        return f"a file ends too early ({error or 'no more bytes'}); copy it again"
    from indexer.gallery.metadata_search import DATABASE_ERRORS

    if isinstance(error, DATABASE_ERRORS):
        reason = getattr(error, "orig", None) or error
        return f"a database cannot be used ({reason}); find out more with: safenet-index verify"
    return None

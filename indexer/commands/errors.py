"""Errors of `safenet-index` as one line, including those of its databases."""

from contextlib import AbstractContextManager

import console.errors


def one_line_errors(*, as_json: bool = False) -> AbstractContextManager[None]:
    """Turn expected errors of the block into one line and exit code 1, or 2 for bad usage."""
    return console.errors.one_line_errors(as_json=as_json, explain=error_text)


def error_text(error: Exception) -> str | None:
    """Return the line for an expected error; None for one that is a fault of the program."""
    text = console.errors.error_text(error)
    if text is not None:
        return text
    from indexer.gallery.metadata_search import DATABASE_ERRORS

    if isinstance(error, DATABASE_ERRORS):
        reason = getattr(error, "orig", None) or error
        return f"a database cannot be used ({reason}); find out more with: safenet-index verify"
    return None

"""Typer commands and groups whose usage errors are one line on standard error; exit code 2."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from console.errors import INTERRUPTED, UsageError, print_error, usage_text

_QUIET: dict[str, Any] = {"standalone_mode": False}
"""Makes Click's `main` raise its errors instead of printing them."""
_INTERRUPTED = 130
"""Exit code that Typer returns for Ctrl-C."""


class OneLineGroup(TyperGroup):
    """A command group that reports every usage error, also of parsing, on one line."""

    default_command: str | None = None
    """Command that runs when the first argument names none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the default command's name where the arguments name no command."""
        if self.default_command and args and args[0] not in {*self.commands, "--help"}:
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **more: Any) -> Any:
        """Run the command that the arguments name; print the help if there are none."""
        main: Callable[..., Any] = super().main
        run = partial(main, **more, **_QUIET)
        if not standalone_mode:
            return run(args, *rest)
        return _run_and_exit(run, _arguments(args) or ["--help"], *rest)


class OneLineCommand(TyperCommand):
    """A single-command program that reports every usage error on one line."""

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **more: Any) -> Any:
        """Run the command."""
        main: Callable[..., Any] = super().main
        run = partial(main, **more, **_QUIET)
        if not standalone_mode:
            return run(args, *rest)
        return _run_and_exit(run, _arguments(args), *rest)


def _arguments(args: Any) -> list[str]:
    return list(sys.argv[1:] if args is None else args)


def _run_and_exit(run: Callable[..., Any], args: list[str], *rest: Any) -> NoReturn:
    """End the program as Click's `main` would, but print errors on one line."""
    try:
        code = run(args, *rest)
    except UsageError as error:
        print_error(usage_text(error, Path(sys.argv[0]).name))
        code = error.exit_code
    except typer.Abort:
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        print(INTERRUPTED, file=sys.stderr)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)

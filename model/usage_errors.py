"""Bad usage of a command said as one line on standard error; exit code 2."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

import typer
from typer.core import TyperCommand, TyperGroup

UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""Click's own; typer brings its click along under a private name."""

_QUIET: dict[str, Any] = {"standalone_mode": False}
"""Click's main then raises its errors and prints none."""
_INTERRUPTED = 130
"""What typer returns for Ctrl-C."""


class OneLineGroup(TyperGroup):
    """A command group whose usage errors are one line, also those of parsing; exit code 2."""

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **more: Any) -> Any:
        """Runs the command that the arguments name; without any, the help."""
        main: Callable[..., Any] = super().main
        run = partial(main, **more, **_QUIET)
        if not standalone_mode:
            return run(args, *rest)
        return _told(run, _given(args) or ["--help"], *rest)


class OneLineCommand(TyperCommand):
    """A command, alone in its program, whose usage errors are one line; exit code 2."""

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **more: Any) -> Any:
        """Runs the command."""
        main: Callable[..., Any] = super().main
        run = partial(main, **more, **_QUIET)
        if not standalone_mode:
            return run(args, *rest)
        return _told(run, _given(args), *rest)


def _given(args: Any) -> list[str]:
    return list(sys.argv[1:] if args is None else args)


def _told(run: Callable[..., Any], given: list[str], *rest: Any) -> NoReturn:
    """Ends the program as click's main would, but for how an error is printed."""
    try:
        code = run(given, *rest)
    except UsageError as error:
        say(usage_text(error, Path(sys.argv[0]).name))
        code = error.exit_code
    except typer.Abort:
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def say(text: str, *, as_json: bool = False) -> None:
    """Write an error as one line; `as_json` as an object, for programs that read JSON lines."""
    line = " ".join(text.split())
    told = json.dumps({"event": "error", "message": line}) if as_json else f"error: {line}"
    print(told, file=sys.stderr, flush=True)


def usage_text(error: typer.BadParameter, program: str) -> str:
    """What was wrong, and whose --help tells more: the command's, else the program's."""
    if isinstance(error, typer.BadParameter) and error.param is None and error.param_hint is None:
        return error.message
    context = getattr(error, "ctx", None)
    path = program if context is None else context.command_path
    return f"{error.format_message().rstrip('. ')}; see: {path} --help"

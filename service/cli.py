"""`safenet-serve`: run the service as configured by options and SAFENET_* variables."""

import inspect
import os
from typing import Annotated, Any

import typer

from model.errors import SafeNetError
from service.app import create_app
from service.middleware.api_keys import key_digest, new_key
from service.server import Server
from service.settings import PREFIX, Settings, read_settings
from service.telemetry import logs

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def serve(context: typer.Context, **options: str | None) -> None:
    """Serve /localize and /navigate.

    Each option sets what the SAFENET_* variable of its name sets, and comes before it;
    docs/settings.md explains them.
    """
    if context.invoked_subcommand is not None:
        return
    chosen = {PREFIX + name.upper(): text for name, text in options.items() if text is not None}
    try:
        settings = read_settings({**os.environ, **chosen})
        logs.configure(settings.log_level, settings.log_format)
        server = Server(create_app(settings), settings)
    except SafeNetError as error:
        typer.echo(f"safenet-serve: {error}", err=True)
        raise typer.Exit(1) from error
    server.run()
    if server.failed or not server.started:
        raise typer.Exit(1)


def _option(name: str) -> inspect.Parameter:
    """Return the command's parameter for one setting."""
    field = Settings.model_fields[name]
    default = "unset" if field.default in (None, "") else field.default
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        help=f"{field.description} [{PREFIX}{name.upper()}; default: {default}]",
        metavar="VALUE",
        show_default=False,
    )
    kind = inspect.Parameter.KEYWORD_ONLY
    annotation = Annotated[str | None, option]
    return inspect.Parameter(name, kind, default=None, annotation=annotation)


def _with_options(command: Any) -> Any:
    """Give `serve` one option for each setting, which Typer reads from its signature."""
    context = inspect.Parameter(
        "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    parameters = [context, *map(_option, Settings.model_fields)]
    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {part.name: part.annotation for part in parameters}
    return command


app.callback(invoke_without_command=True)(_with_options(serve))


@app.command("new-key")
def make_key(
    name: Annotated[str, typer.Argument(help="Who will use it: letters, digits, dot, dash.")],
) -> None:
    """Print a fresh API key, and the entry that SAFENET_API_KEYS needs for it."""
    key = new_key()
    typer.echo(f"key (shown once, give it to {name}): {key}")
    typer.echo(f"entry for SAFENET_API_KEYS: {name}=sha256:{key_digest(key)}")

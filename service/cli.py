"""`safenet-serve`: run the service as configured by SAFENET_* variables."""

from typing import Annotated

import typer

from model.errors import SafeNetError
from service.app import create_app
from service.middleware.api_keys import key_digest, new_key
from service.server import Server
from service.settings import read_settings
from service.telemetry import logs

app = typer.Typer(
    add_completion=False, help="Serve /localize and /navigate as configured by SAFENET_* variables."
)


@app.callback(invoke_without_command=True)
def serve(context: typer.Context) -> None:
    """Serve /localize and /navigate; docs/settings.md lists the SAFENET_* variables."""
    if context.invoked_subcommand is not None:
        return
    try:
        settings = read_settings()
        logs.configure(settings.log_level, settings.log_format)
        server = Server(create_app(settings), settings)
    except SafeNetError as error:
        typer.echo(f"safenet-serve: {error}", err=True)
        raise typer.Exit(1) from error
    server.run()
    if server.failed or not server.started:
        raise typer.Exit(1)


@app.command("new-key")
def make_key(
    name: Annotated[str, typer.Argument(help="Who will use it: letters, digits, dot, dash.")],
) -> None:
    """Print a fresh API key, and the entry that SAFENET_API_KEYS needs for it."""
    key = new_key()
    typer.echo(f"key (shown once, give it to {name}): {key}")
    typer.echo(f"entry for SAFENET_API_KEYS: {name}=sha256:{key_digest(key)}")

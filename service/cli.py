"""`safenet-serve`: runs the service as SAFENET_* says."""

import typer
import uvicorn

from model.errors import SafeNetError
from service.app import create_app
from service.settings import read_settings

app = typer.Typer(add_completion=False, help="Serve /localize and /navigate as SAFENET_* says.")


@app.callback(invoke_without_command=True)
def serve(context: typer.Context) -> None:
    """Serve /localize and /navigate; docs/settings.md lists the SAFENET_* variables."""
    if context.invoked_subcommand is not None:
        return
    try:
        settings = read_settings()
        uvicorn.run(create_app(settings), host=settings.host, port=settings.port)
    except SafeNetError as error:
        typer.echo(f"safenet-serve: {error}", err=True)
        raise typer.Exit(1) from error

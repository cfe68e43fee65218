"""The command `safenet-world`."""

import typer

from console.usage import OneLineGroup
from training.world.commands.drape import drape_map
from training.world.commands.drape_images import drape_images
from training.world.commands.fly import fly
from training.world.commands.render import render
from training.world.commands.render_map import render_map
from training.world.commands.sheet import sheet

app = typer.Typer(
    cls=OneLineGroup,
    help="A rendered world of cross-view places with exact coordinates.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _main() -> None:
    """A rendered world of cross-view places with exact coordinates."""


app.command("render")(render)
app.command("render-map")(render_map)
app.command("drape")(drape_map)
app.command("drape-pictures")(drape_images)
app.command("fly")(fly)
app.command("sheet")(sheet)

if __name__ == "__main__":
    app()

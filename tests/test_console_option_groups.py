"""Options that are written once as a dataclass and shared by several commands."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from console.option_groups import with_option_groups


@dataclass(frozen=True, kw_only=True)
class Area:
    place: Annotated[str, typer.Argument(help="Where.")]
    radius_m: Annotated[float, typer.Option(min=0, help="How far.")] = 5.0

    def text(self) -> str:
        return f"{self.place} within {self.radius_m:g} m"


app = typer.Typer()


@app.command()
@with_option_groups
def find(
    name: Annotated[str, typer.Argument(help="What.")],
    area: Area,
    loud: Annotated[bool, typer.Option("--loud")] = False,
) -> None:
    """Find something in an area."""
    print(f"{name} at {area.text()}{'!' if loud else ''}")


def run(*arguments: str) -> str:
    return CliRunner().invoke(app, arguments).output.strip()


def test_fields_of_a_group_are_options_in_its_place() -> None:
    assert run("house", "Bern") == "house at Bern within 5 m"
    assert run("house", "Bern", "--radius-m", "7", "--loud") == "house at Bern within 7 m!"


def test_help_and_bounds_of_a_field_are_kept() -> None:
    assert "Find something in an area." in run("--help")
    assert "How far." in run("--help")
    assert "--radius-m" in run("house", "Bern", "--radius-m", "-1")
    assert "Missing argument" in run("house")

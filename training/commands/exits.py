"""How a command ends when it cannot go on."""

import typer

from model.errors import SafeNetError
from model.usage_errors import say
from training.errors import RecipeError


def failed(error: SafeNetError) -> typer.Exit:
    """One line on standard error; exit 2 for a bad recipe, else 1."""
    say(str(error))
    return typer.Exit(2 if isinstance(error, RecipeError) else 1)

"""A command group in which one command may go unnamed."""

from typing import Any

from model.usage_errors import OneLineGroup

DEFAULT = "dataset"


class DefaultCommandGroup(OneLineGroup):
    """Arguments that name no command belong to `dataset`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the default command's name in front where none is given."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

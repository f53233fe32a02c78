"""What the commands have in common on a terminal: help that begins with an example."""

from typing import Any

import click

from function.tools.findings import Unusable

ERROR = 1
"""Exit code: the answer is bad news. For a command that cannot be meant it is 2, as click's."""


class WithExample(click.Command):
    """A command whose help begins with how it is typed."""

    def __init__(self, *arguments: object, example: str = "", **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.example = example

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example, then what click writes."""
        if self.example:
            formatter.write(f"Example: {self.example}\n\n")
        super().format_help(ctx, formatter)


class Commands(WithExample, click.Group):
    """Several commands under one name."""

    command_class = WithExample

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what cannot be done as it was asked ends with 2 and a line that says why."""
        try:
            return super().invoke(ctx)
        except Unusable as exc:
            error = click.ClickException(str(exc))
            error.exit_code = 2
            raise error from exc

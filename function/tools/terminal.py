"""What the commands have in common on a terminal: help that begins with an example."""

import click

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

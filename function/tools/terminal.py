"""What the commands have in common on a terminal: help that begins with an example, how they end."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from function.settings import is_namespace
from function.tools.findings import Unusable
from function.tools.lint.config_map import NAMESPACE

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
    """Several commands under one name; what cannot be done as it was asked ends with 2, and says why."""

    command_class = WithExample

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Read the command line; where the environment asks for none, there is no colour."""
        if os.environ.get("NO_COLOR"):
            options["color"] = False
        with _ending():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _ending():
            return super().invoke(ctx)


@contextmanager
def _ending() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as exc:  # whoever reads has read enough
        _drop_output()
        raise click.exceptions.Exit(2) from exc
    except OSError as exc:
        _drop_output()
        where = f"{exc.filename}: " if exc.filename else ""
        raise _CannotBeDone(f"{where}{exc.strerror}") from exc
    except Unusable as exc:
        raise _CannotBeDone(str(exc)) from exc


class _CannotBeDone(click.ClickException):
    exit_code = 2


def _drop_output() -> None:
    """Forget what could not be written: at its end Python would try again, and end with 120."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def check_output() -> None:
    """Notice an output that takes nothing, even if there will be nothing to write to it."""
    try:
        os.write(1, b"")
    except OSError as exc:
        raise Unusable(f"cannot write to standard output: {exc.strerror}") from exc


def namespace_option(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option for the namespace of definitions and Jobs; `what` says what it is for."""
    return click.option(
        "-n",
        "--namespace",
        default=NAMESPACE,
        envvar="OPENFERO_JOBS_NAMESPACE",
        callback=_checked,
        show_default=True,
        show_envvar=True,
        help=what,
    )


def _checked(ctx: click.Context, option: click.Parameter, text: str) -> str:
    if not is_namespace(text):
        raise click.BadParameter(f"{text!r} is not the name of a namespace")
    return text

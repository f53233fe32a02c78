"""The command `openfero`: which commands there are."""

import sys
from pathlib import Path

import click

from function.tools.lint_command import lint
from function.tools.local_command import local
from function.tools.new_command import new
from function.tools.simulate_command import simulate
from function.tools.terminal import Commands, check_output

PLUGIN = "kubectl-openfero"
"""Under this name on the PATH, kubectl takes it for a command of its own."""


@click.group(
    "openfero",
    cls=Commands,
    example="openfero new PodDown > poddown.yaml && openfero lint poddown.yaml",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="function", message="%(version)s")
def openfero() -> None:
    """Write, check and try job definitions before the incident."""
    check_output()


for command in (new, lint, simulate, local):
    openfero.add_command(command)


def main() -> None:
    """Run what the command line says."""
    name = "kubectl openfero" if Path(sys.argv[0]).name == PLUGIN else "openfero"
    openfero.main(prog_name=name)

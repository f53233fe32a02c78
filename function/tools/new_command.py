"""`openfero new`: a definition on standard output."""

import click

from function.alerts import STATUSES
from function.tools.new import new_definition
from function.tools.terminal import WithExample, namespace_option


@click.command("new", cls=WithExample, example="openfero new PodDown > poddown.yaml")
@click.argument("alertname")
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    default=STATUSES[0],
    show_default=True,
    help="Of which the definition is: each has its own.",
)
@namespace_option("Where definitions and Jobs are.")
def new(alertname: str, status: str, namespace: str) -> None:
    """Write a definition for an alert: ConfigMap, ServiceAccount and Role, commented.

    It goes to standard output, and works as it is; then make it yours.
    """
    click.echo(new_definition(alertname, status, namespace), nl=False)

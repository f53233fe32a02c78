"""`openfero simulate`."""

import json
import sys
from http import HTTPStatus

import click

from function.alerts import STATUSES, Notification
from function.outcomes import Outcome
from function.rails import MODES
from function.settings import is_namespace
from function.tools.documents import STDIN
from function.tools.findings import Unusable
from function.tools.given import Object, read_definitions, read_past
from function.tools.notifications import build_notification, is_alert_name, read_file
from function.tools.outcome_table import build_table
from function.tools.printing import build_yaml
from function.tools.rehearsal import Rehearsal
from function.tools.simulation import a_way
from function.tools.simulation import simulate as run
from function.tools.terminal import ERROR, WithExample


@click.command(
    "simulate",
    cls=WithExample,
    example="openfero simulate PodDown poddown.yaml --label pod=web-0 -o yaml",
)
@click.argument("notification")
@click.argument("definitions", metavar="DEFINITION...", nargs=-1, required=True)
@click.option(
    "--label", "labels", metavar="NAME=VALUE", multiple=True, help="A label of the made alert."
)
@click.option("--status", type=click.Choice(STATUSES), help="Of the made alert.")
@click.option(
    "--past", metavar="JOBS", multiple=True, help="What `kubectl get jobs -o yaml` printed."
)
@click.option("--server", is_flag=True, help="Ask the cluster of KUBECONFIG, with its own past.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="yaml: the very Jobs.")
@click.option(
    "--mode",
    type=click.Choice(MODES, case_sensitive=False),
    default=MODES[0],
    envvar="OPENFERO_MODE",
    show_default=True,
    show_envvar=True,
    help="A definition may be stricter.",
)
@click.option(
    "--strict",
    is_flag=True,
    envvar="OPENFERO_STRICT",
    show_envvar=True,
    help="Refuse unknown fields.",
)
@click.option("-n", "--namespace", default="openfero-jobs", show_default=True, help="Of the Jobs.")
def simulate(
    notification: str,
    definitions: tuple[str, ...],
    labels: tuple[str, ...],
    status: str | None,
    past: tuple[str, ...],
    server: bool,
    output: str | None,
    mode: str,
    strict: bool,
    namespace: str,
) -> None:
    """Say what would become of each alert, and why. Nothing is changed anywhere.

    NOTIFICATION is a file with what Alertmanager posts, or a CloudEvent; `-`; or the name of an
    alert, of which a notification is made. DEFINITION is a file, a folder or `-`.

    It ends with 1 if an alert is broken or unavailable.
    """
    if not is_namespace(namespace):
        raise Unusable(f"{namespace!r} is not the name of a namespace")
    if [notification, *definitions, *past].count(STDIN) > 1:
        raise Unusable(f"only one of them can be {STDIN}, standard input")
    found = read_definitions(definitions)
    asked = _notification(notification, status, labels, found)
    jobs = read_past(past)
    with a_way(namespace, server) as way:
        rehearsal = Rehearsal(way, namespace, strict, found, jobs)
        outcomes = run(rehearsal, asked, mode)
    click.echo(_told(output, outcomes, rehearsal.built), nl=output != "yaml")
    if any(outcome.kind.status != HTTPStatus.OK for outcome in outcomes):
        sys.exit(ERROR)


def _notification(
    given: str, status: str | None, labels: tuple[str, ...], definitions: dict[str, Object]
) -> Notification:
    if is_alert_name(given):
        return build_notification(given, status or STATUSES[0], _pairs(labels), definitions)
    if labels or status:
        raise Unusable(f"--label and --status are for the name of an alert; {given} is a file")
    return read_file(given)


def _pairs(labels: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for label in labels:
        name, equals, value = label.partition("=")
        if not name or not equals or name == "alertname":
            raise Unusable(f"--label {label}: must be NAME=VALUE, of another label than alertname")
        pairs[name] = value
    return pairs


def _told(output: str | None, outcomes: list[Outcome], jobs: list[Object]) -> str:
    if output == "json":
        return json.dumps({"outcomes": [outcome.fields() for outcome in outcomes]}, indent=2)
    if output == "yaml":
        return build_yaml(jobs)
    return build_table(outcomes) if outcomes else "no alerts are in it"

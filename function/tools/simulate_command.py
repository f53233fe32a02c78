"""`openfero simulate`."""

import json
import os
import sys
from dataclasses import replace
from http import HTTPStatus

import click

from function.alerts import STATUSES, Notification
from function.errors import BadSettings
from function.outcomes import Kind, Outcome
from function.rails import MODES
from function.settings import Settings
from function.tools.findings import Unusable, check_text
from function.tools.given import Object, is_in, read_definitions, read_past
from function.tools.notifications import (
    build_notification,
    check_alert_name,
    is_alert_name,
    read_file,
)
from function.tools.outcome_table import build_table
from function.tools.printing import build_yaml
from function.tools.rehearsal import Rehearsal
from function.tools.simulation import a_way
from function.tools.simulation import simulate as run
from function.tools.standard_input import STDIN
from function.tools.terminal import ERROR, WithExample, namespace_option


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
    "--past",
    metavar="JOBS",
    multiple=True,
    help="What `kubectl get jobs -o yaml` printed; those of another namespace do not count.",
)
@click.option("--server", is_flag=True, help="Ask the cluster of KUBECONFIG, with its own past.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml"]),
    help="json: the function's answer. yaml: the very Jobs, and the table on standard error.",
)
@click.option(
    "--mode",
    type=click.Choice(MODES, case_sensitive=False),
    help="A definition may be stricter.  [else OPENFERO_MODE, else run]",
)
@click.option(
    "--strict/--no-strict",
    default=None,
    help="Refuse unknown fields.  [else OPENFERO_STRICT, else not]",
)
@namespace_option("Where the function looks for definitions, and makes Jobs.")
def simulate(
    notification: str,
    definitions: tuple[str, ...],
    labels: tuple[str, ...],
    status: str | None,
    past: tuple[str, ...],
    server: bool,
    output: str | None,
    mode: str | None,
    strict: bool | None,
    namespace: str,
) -> None:
    """Say what would become of each alert, and why. Nothing is changed anywhere.

    NOTIFICATION is a file with what Alertmanager posts, or a CloudEvent; `-`; or the name of an
    alert, of which a notification is made. DEFINITION is a file, a folder or `-`. One that is only
    in another namespace than -n is taken as if it were moved, and the reason says so.

    It ends with 1 if an alert is broken or unavailable.
    """
    if [notification, *definitions, *past].count(STDIN) > 1:
        raise Unusable(f"only one of them can be {STDIN}, standard input")
    settings = _settings()
    found = read_definitions(definitions, namespace)
    asked = _notification(notification, status, labels, found)
    jobs = read_past(past, namespace)
    with a_way(namespace, server) as way:
        is_strict = settings.strict if strict is None else strict
        rehearsal = Rehearsal(way, namespace, is_strict, found, jobs)
        outcomes = run(rehearsal, asked, mode or settings.mode)
    _show(output, [_with_place(each, found, namespace) for each in outcomes], rehearsal.built)
    if any(outcome.kind.status != HTTPStatus.OK for outcome in outcomes):
        sys.exit(ERROR)


def _settings() -> Settings:
    """Return what the function would have been told by this environment."""
    try:
        return Settings.from_environ(os.environ)
    except BadSettings as exc:
        raise Unusable(str(exc)) from exc


def _notification(
    given: str, status: str | None, labels: tuple[str, ...], definitions: dict[str, Object]
) -> Notification:
    if is_alert_name(given):
        check_alert_name(given, definitions)
        return build_notification(given, status or STATUSES[0], _pairs(labels), definitions)
    if labels or status:
        raise Unusable(f"--label and --status are for the name of an alert; {given} is a file")
    return read_file(given)


def _pairs(labels: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for label in labels:
        check_text("--label", label)
        name, equals, value = label.partition("=")
        if not name or not equals or name == "alertname":
            raise Unusable(f"--label {label}: must be NAME=VALUE, of another label than alertname")
        pairs[name] = value
    return pairs


def _with_place(outcome: Outcome, definitions: dict[str, Object], namespace: str) -> Outcome:
    """Say of a definition that the function would not find where it is now."""
    found = definitions.get(outcome.definition or "")
    if not found or is_in(found, namespace) or outcome.kind is Kind.NO_DEFINITION:
        return outcome
    place = found["metadata"]["namespace"]
    told = f"its definition is in the namespace {place}; the function looks only in {namespace}"
    return replace(outcome, message="; ".join(filter(None, (outcome.message, told))))


def _show(output: str | None, outcomes: list[Outcome], jobs: list[Object]) -> None:
    if output == "json":
        told = {"outcomes": [outcome.fields() for outcome in outcomes]}
        click.echo(json.dumps(told, indent=2))
        return
    if output == "yaml":
        click.echo(build_yaml(jobs), nl=False)
    click.echo(build_table(outcomes), err=output == "yaml")

"""`openfero lint`."""

import sys
from dataclasses import replace

import click
from click.core import ParameterSource

from function.tools.clusters import PersonsCluster, connect
from function.tools.documents import read_what_can_be
from function.tools.lint.check import Report, check_documents, check_texts
from function.tools.lint.codes import Severity
from function.tools.lint.on_server import check_on_server
from function.tools.lint.output import as_json, as_line, count, summary
from function.tools.lint.stored import read_stored
from function.tools.terminal import ERROR, WithExample, namespace_option


@click.command("lint", cls=WithExample, example="openfero lint definitions/")
@click.argument("files", nargs=-1, metavar="[FILE|FOLDER|-]...")
@click.option("--cluster", "of_cluster", is_flag=True, help="Check what a cluster has instead.")
@click.option("--server", is_flag=True, help="Ask the API server as well, which changes nothing.")
@namespace_option("Where the definitions live; one that names another is an error, if -n is given.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.pass_context
def lint(
    ctx: click.Context,
    files: tuple[str, ...],
    of_cluster: bool,
    server: bool,
    namespace: str,
    output: str,
) -> None:
    """Find what is wrong with definitions before the incident.

    Takes files, folders with all below, and - for standard input. What is no definition may stand
    beside them. The cluster is that of KUBECONFIG, else of ~/.kube/config.

    Exits with 1 if there are errors, with 0 if there are none, warnings or not, and with 2 if it
    cannot check.
    """
    if bool(files) == of_cluster:
        raise click.UsageError("give files, folders or -, or else --cluster")
    cluster = connect(namespace) if of_cluster or server else None
    if cluster and of_cluster:
        where = f"the namespace {cluster.namespace} of {cluster.host}"
        report = check_documents(read_stored(cluster), where=where)
    else:
        # What was not typed says nothing of these files.
        is_typed = ctx.get_parameter_source("namespace") is ParameterSource.COMMANDLINE
        report = check_texts(*read_what_can_be(files), namespace if is_typed else "")
    if cluster and server:
        report = _with_verdicts(report, cluster)
    _show(report, output)
    sys.exit(ERROR if count(report)[Severity.ERROR] else 0)


def _with_verdicts(report: Report, cluster: PersonsCluster) -> Report:
    found = {*report.findings, *check_on_server(report.documents, cluster)}
    return replace(report, findings=tuple(sorted(found)))


def _show(report: Report, output: str) -> None:
    if output == "json":
        click.echo(as_json(report))
        return
    for finding in report.findings:
        click.echo(as_line(finding))
    click.echo(summary(report), err=True)

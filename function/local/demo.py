"""`python -m function.local.demo`: an alert comes in, its Job comes out, without a cluster.

Starts the embedded API and, against it alone, the function; applies the sample
definition; posts a notification; shows what became of it; and stays up until Ctrl-C.
It belongs into the project's folder, whose files it sends and names.
"""

import argparse
import json
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from function.local.processes import (
    NAMESPACE,
    Place,
    a_function,
    a_place,
    end_on_signals,
    give_up,
    program,
    request,
    say,
)
from function.local.server import LocalAPI

DEFINITION = Path("test/definition.yaml")
NOTIFICATION = Path("test/alerts.json")


def main(arguments: Sequence[str] | None = None) -> None:
    """Show the main job and stay up; ends with status 0 on SIGINT, SIGTERM and SIGHUP."""
    port = _read_port(arguments)
    _check_files()
    _check_port(port)
    try:
        end_on_signals()
        with a_place(port) as place, _cluster(place), a_function(place) as function:
            _show(place)
            _tell_next(place)
            function.wait()
            give_up(place, "the function ended")
    except KeyboardInterrupt:
        say("\nended: the function and the embedded API are gone")


def _read_port(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m function.local.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="where the function listens")
    return int(parser.parse_args(arguments).port)


def _check_files() -> None:
    for file in (DEFINITION, NOTIFICATION, program("functions-framework"), program("kubectl")):
        if not file.exists():
            sys.exit(f"{file} is missing: say `make run` in the project's folder")


def _check_port(port: int) -> None:
    """Exit with one line unless the function can listen, and curl will find it there."""
    if not 0 < port < 65536:
        sys.exit(f"there is no port {port}: make run PORT=8081")
    if _answers(port):
        sys.exit(f"port {port} is taken: make run PORT={port + 1}")
    try:
        with socket.socket() as probe:
            # As the function does: a connection that ended a moment ago does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as exc:
        sys.exit(f"port {port} cannot be used ({exc.strerror}): make run PORT=8081")


def _answers(port: int) -> bool:
    """Say whether anyone is behind `localhost`, which may mean ::1 before 127.0.0.1."""
    with suppress(OSError), socket.create_connection(("localhost", port), 1):
        return True
    return False


@contextmanager
def _cluster(place: Place) -> Iterator[None]:
    """Run the embedded API, which the kubeconfig names, for as long as the block."""
    with LocalAPI(port=0, namespaces=(NAMESPACE,)) as api:
        api.write_kubeconfig(place.kubeconfig, namespace=NAMESPACE)
        say(f"A Kubernetes API without containers is at {api.url}")
        yield


def _show(place: Place) -> None:
    """Do what a user does, and show what he sees."""
    _show_kubectl(place, "apply", "-f", str(DEFINITION))
    outcomes = _post(place)
    say(f"\nAlertmanager's notification {NOTIFICATION} was posted; what became of each alert:\n")
    say(build_table(outcomes))
    jobs = [f"job/{each['job']}" for each in outcomes if each["outcome"] == "created"]
    if jobs:
        _kubectl(place, "wait", "--for=condition=complete", "--timeout=10s", *jobs)
        _show_kubectl(place, "get", "jobs")
        _show_kubectl(place, "logs", jobs[0])


def _post(place: Place) -> list[dict[str, Any]]:
    status, text = request(place.port, "POST", "/alerts", NOTIFICATION.read_bytes())
    if status != HTTPStatus.OK:
        sys.exit(f"the function answered {status}: {text}")
    outcomes: list[dict[str, Any]] = json.loads(text)["outcomes"]
    return outcomes


def build_table(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Return a line per outcome under a line of headings, in columns."""
    columns = ("alert", "status", "outcome", "job")
    rows = [[name.upper() for name in columns]]
    rows += [[str(outcome[name] or "-") for name in columns] for outcome in outcomes]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines)


def _show_kubectl(place: Place, *arguments: str) -> None:
    say(f"\n$ kubectl {shlex.join(arguments)}\n{_kubectl(place, *arguments)}")


def _kubectl(place: Place, *arguments: str) -> str:
    """Return what kubectl prints, complaints included."""
    done = subprocess.run(
        [program("kubectl"), *arguments],
        env=place.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout.rstrip()


_NEXT = """
Now you, in another terminal:

- The same again: each Job is there already, so it answers `exists` and makes no second one.
    {curl} -d @./test/alerts.json {url}
- Look at the Jobs.
    {kubectl} get jobs
- Change the definition. An alert has one Job as long as that exists: delete them, and post again.
    {kubectl} edit configmap openfero-kubequotaalmostfull-firing
    {kubectl} delete jobs --all
- The alerts resolve: that looks for openfero-kubequotaalmostfull-resolved, so it answers
  `no-definition`. Define it, and post again.
    {curl} -d @./test/resolved.json {url}
    sed s/-firing/-resolved/ {definition} | {kubectl} apply -f -

More to post is in test/README.md. Ctrl-C ends it all."""


def _tell_next(place: Place) -> None:
    say(
        _NEXT.format(
            curl='curl -X POST -H "Content-Type: application/json"',
            url=f"http://localhost:{place.port}/alerts",
            definition=DEFINITION,
            kubectl=f"{_kubectl_to_type()} --kubeconfig {place.kubeconfig}",
        )
    )


def _kubectl_to_type() -> str:
    """Return the shortest way to say kubectl in this folder."""
    if shutil.which("kubectl"):
        return "kubectl"
    bundled = program("kubectl")
    here = bundled.is_relative_to(Path.cwd())
    return shlex.quote(str(bundled.relative_to(Path.cwd()) if here else bundled))


if __name__ == "__main__":
    main()

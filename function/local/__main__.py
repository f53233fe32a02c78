"""`python -m function.local`: the embedded API for a terminal, until Ctrl-C."""

import argparse
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from function.local.server import LocalAPI


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, that of the process unless given."""
    parser = argparse.ArgumentParser(
        prog="python -m function.local",
        description="A Kubernetes API on this machine that runs no containers.",
    )
    parser.add_argument("--port", type=int, default=8001, help="0 takes a free one")
    parser.add_argument("--kubeconfig", type=Path, default=Path("openfero.kubeconfig"))
    parser.add_argument("--namespace", default="default", help="exists, and is the kubeconfig's")
    parser.add_argument("--pod-seconds", type=float, default=0.2, help="how long a pod runs")
    parser.add_argument("--token", help="asked of every request; kubectl sends it over TLS only")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="files in PEM")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Listen, say where in one line, and wait for SIGINT or SIGTERM."""
    asked = read_arguments(arguments)
    ended = threading.Event()
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda *_: ended.set())
    with _open(asked) as api:
        kubeconfig = api.write_kubeconfig(asked.kubeconfig, asked.namespace)
        print(f"listening on {api.url}: export KUBECONFIG={kubeconfig.resolve()}", flush=True)
        ended.wait()


def _open(asked: argparse.Namespace) -> LocalAPI:
    try:
        return LocalAPI(
            port=asked.port,
            token=asked.token,
            tls=asked.tls,
            namespaces=dict.fromkeys(("default", asked.namespace)),
            pod_seconds=asked.pod_seconds,
        )
    except OSError as exc:
        raise SystemExit(f"cannot listen on port {asked.port}: {exc}") from exc


if __name__ == "__main__":
    main()

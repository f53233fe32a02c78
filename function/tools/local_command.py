"""`openfero local`."""

import shlex
import signal
import ssl
import threading
from pathlib import Path
from typing import Any

import click

from function.errors import Broken
from function.local.kubeconfig import build_kubeconfig
from function.local.server import LocalAPI
from function.manifests import read_yaml
from function.tools.findings import Unusable
from function.tools.terminal import WithExample, namespace_option

_FILE = click.Path(exists=True, dir_okay=False)


@click.command(
    "local",
    cls=WithExample,
    example="openfero local --pod-seconds 5",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8001,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    default="openfero.kubeconfig",
    show_default=True,
    help="The file to write.",
)
@namespace_option("Exists, and is the kubeconfig's.")
@click.option(
    "--pod-seconds",
    type=click.FloatRange(0),
    default=0.2,
    show_default=True,
    help="How long a pod runs.",
)
@click.option("--token", help="Asked of every request; kubectl sends it over TLS only.")
@click.option("--tls", nargs=2, type=_FILE, metavar="CERT KEY", help="Files in PEM.")
def local(
    port: int,
    kubeconfig: Path,
    namespace: str,
    pod_seconds: float,
    token: str | None,
    tls: tuple[str, str] | None,
) -> None:
    """Run a Kubernetes API on this machine, until Ctrl-C. It runs no containers, and keeps nothing."""
    _check_own(kubeconfig)
    ended = threading.Event()
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda *_: ended.set())
    with _open(port, token, tls, namespace, pod_seconds) as api:
        _write(api, kubeconfig, namespace)
        named = shlex.quote(str(kubeconfig.resolve()))
        click.echo(f"listening on {api.url}: export KUBECONFIG={named}")
        ended.wait()


def _check_own(kubeconfig: Path) -> None:
    """Refuse to write over what is not ours: somebody's way to a cluster would be lost."""
    if kubeconfig.is_file() and not _is_own(kubeconfig):
        raise Unusable(
            f"{kubeconfig} is there, and not of `openfero local`: name another file to write"
        )


def _is_own(kubeconfig: Path) -> bool:
    """Say whether a file holds what is written here and nothing else, or nothing at all."""
    try:
        text = kubeconfig.read_text("utf-8")
        return not text.strip() or _names(read_yaml(text)) == _names(build_kubeconfig("", ""))
    except (Broken, LookupError, TypeError, ValueError, OSError):
        return False


def _names(config: Any) -> list[str]:
    return [each["name"] for kind in ("clusters", "contexts", "users") for each in config[kind]]


def _open(
    port: int, token: str | None, tls: tuple[str, str] | None, namespace: str, pod_seconds: float
) -> LocalAPI:
    try:
        return LocalAPI(
            port=port,
            token=token,
            tls=tls,
            namespaces=dict.fromkeys(("default", namespace)),
            pod_seconds=pod_seconds,
        )
    except ssl.SSLError as exc:
        raise Unusable(f"the certificate or its key cannot be used: {exc}") from exc
    except OSError as exc:
        raise Unusable(f"cannot listen on port {port}: {exc}; take another one: --port 0") from exc


def _write(api: LocalAPI, kubeconfig: Path, namespace: str) -> None:
    try:
        api.write_kubeconfig(kubeconfig, namespace)
    except OSError as exc:
        raise Unusable(f"cannot write {kubeconfig}: {exc.strerror}") from exc

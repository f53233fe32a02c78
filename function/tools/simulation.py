"""What would become of a notification: the function's own core, over a rehearsal."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from function.alerts import Notification
from function.local.server import LocalAPI
from function.log import log
from function.outcomes import Outcome
from function.settings import Settings
from function.settle import Settler
from function.tools.clusters import connect
from function.tools.rehearsal import DryRun, Rehearsal
from function.transport import Transport, configure
from function.webhook import SECONDS


def simulate(rehearsal: Rehearsal, notification: Notification, mode: str) -> list[Outcome]:
    """Return what would become of each alert, in their order.

    One after another, where the function takes them in any order: the same question shall
    have the same answer.
    """
    settler = Settler(rehearsal, mode)
    outcomes = []
    with _silent():
        for alert in notification.alerts:
            one = replace(notification, alerts=(alert,))
            outcomes += settler.settle(one, time.monotonic() + SECONDS)
    return outcomes


@contextmanager
def a_way(namespace: str, is_server: bool) -> Iterator[DryRun]:
    """Lead to the API server that judges the Jobs: that of a cluster, else the embedded one."""
    if is_server:
        yield DryRun(connect(namespace).transport)
        return
    with LocalAPI(controller=False, namespaces=(namespace,)) as api:
        yield DryRun(_to_local(api))


def _to_local(api: LocalAPI) -> Transport:
    with tempfile.TemporaryDirectory(prefix="openfero-") as folder:
        kubeconfig = api.write_kubeconfig(Path(folder, "kubeconfig"))
        configuration, _ = configure(Settings(kubeconfig=str(kubeconfig)))
    configuration.proxy = None  # whatever proxy the environment names, it is on this machine
    return Transport(configuration)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the function's log off the terminal: what it says is in the outcomes."""
    was, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was

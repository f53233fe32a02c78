"""Starts everything that takes part: API server, functions, Alertmanagers, and what is between them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import alertmanagers
import control_plane
from alertmanagers import Alertmanager, Release, configuration
from chain import write_token
from control_plane import ControlPlane
from function_process import FunctionProcess, running, steady_port
from kube import Kube
from make import MANIFEST
from proxy import FaultProxy
from soaking.definitions import DEFINITIONS
from soaking.relay import Relay

NAMESPACE = "openfero-jobs"
DOOR = "gunicorn"  # as in the image

TIMES = {"group_wait": "500ms", "group_interval": "2s", "repeat_interval": "10s"}
PEER_TIMEOUT = "300ms"
"""So short that often both Alertmanagers tell the same."""


@dataclass
class Function:
    """One of the function's processes, at an address that outlives it."""

    kubeconfig: Path
    token: Path
    log: Path
    port: int = field(default_factory=steady_port)
    process: FunctionProcess | None = None
    _life: ExitStack = field(default_factory=ExitStack)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        token = {"OPENFERO_TOKEN_FILE": str(self.token)}
        life = running(DOOR, self.log, self.kubeconfig, self.port, **token)
        self.process = self._life.enter_context(life)

    def defects(self) -> list[str]:
        """Return what must never be: what its log says, and that it has ended by itself."""
        lines = self.log.read_text().splitlines()
        found = [line for line in lines if "Traceback" in line or "a defect in" in line]
        if self.process and self.process.process.poll() is not None:
            found.append(f"{self.log.stem} has ended by itself")
        return found

    def kill(self) -> None:
        """End it as a node that goes down does."""
        self.process = None
        self._life.close()


@dataclass(frozen=True)
class Stage:
    """All that takes part, while it runs."""

    plane: ControlPlane
    kube: Kube
    proxy: FaultProxy
    functions: tuple[Function, ...]
    relay: Relay
    pair: tuple[Alertmanager, Alertmanager]


@contextmanager
def set_up(folder: Path, release: Release) -> Iterator[Stage]:
    """Run all as long as the block, with the definitions in the cluster."""
    with ExitStack() as stack:
        plane = stack.enter_context(
            control_plane.running(_made(folder / "plane"), controllers=False)
        )
        path = plane.write_kubeconfig(folder / "kubeconfig", namespace=NAMESPACE)
        kube = Kube(str(path))
        stack.callback(kube.close)
        _define(kube)
        proxy = stack.enter_context(FaultProxy(kube.host, kube.authority))
        token = write_token(folder)
        proxied = _through(proxy, path)
        functions = tuple(
            Function(proxied, token, folder / f"function-{number}.log") for number in range(2)
        )
        for function in functions:
            stack.callback(function.kill)
            function.start()
        addresses = [function.address for function in functions]
        relay = stack.enter_context(Relay("http://functions", addresses=addresses))
        content = configuration(f"{relay.url}/alerts", token, **TIMES)
        # What fires goes on until its end is posted, and people's groups end as soon as ours.
        content["global"] = {**content.get("global", {}), "resolve_timeout": "1h"}
        content["route"] |= TIMES
        cluster = f"peer-timeout={PEER_TIMEOUT}"
        pair = stack.enter_context(alertmanagers.pair(release, folder, content, cluster))
        yield Stage(plane, kube, proxy, functions, relay, pair)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _define(kube: Kube) -> None:
    kube.create_namespace()
    for definition in DEFINITIONS:
        metadata = {"name": definition.name, "annotations": definition.annotations}
        data = {definition.alertname: MANIFEST}
        content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        kube.create("configmaps", content)


def _through(proxy: FaultProxy, kubeconfig: Path) -> Path:
    """Write a kubeconfig that differs only in its way."""
    content = json.loads(kubeconfig.read_text())
    content["clusters"][0]["cluster"] = {"server": proxy.url}
    path = kubeconfig.with_name("proxied.kubeconfig")
    path.write_text(json.dumps(content))
    return path

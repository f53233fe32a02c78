"""What a diagnosis looks at, where there is no node: pods that crash or wait, logs, Events."""

import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme
from kubectl import Kubectl
from starter_pack import Pack, a_list, events_on

Objects = list[dict[str, Any]]

DIAGNOSED = "DiagnosedByOpenFero"


@dataclass
class Logs:
    """A node's kubelet that knows the logs of containers, and nothing else."""

    node: str = ""
    texts: dict[tuple[str, str, bool], str] = field(default_factory=dict)
    """(pod, container, of the run before this one) → text"""

    def answer(self, path: str) -> tuple[int, str]:
        split = urlsplit(path)
        [_, what, _namespace, pod, container] = split.path.split("/")
        query = parse_qs(split.query)
        text = self.texts.get((pod, container, "previous" in query))
        if what != "containerLogs" or text is None:
            return 400, f'container "{container}" in pod "{pod}" has no such log'
        lines = text.splitlines(keepends=True)
        return 200, "".join(lines[-int(query["tailLines"][0]) :])


@contextmanager
def a_node_with_logs(kubectl: Kubectl) -> Iterator[Logs]:
    """Run a node on loopback, to which the API server goes for logs."""
    logs = Logs()
    with _serving(logs) as port, a_node(kubectl, port) as logs.node:
        yield logs


@contextmanager
def a_node(kubectl: Kubectl, port: int) -> Iterator[str]:
    """Register a node whose kubelet has this port, and yield its name; nothing is scheduled there.

    Its pods are gone with it: no kubelet ends them, and nothing is to vanish under the
    next test. It is to be short: what sends no heartbeat gets a taint soon.
    """
    name = f"node-{uuid.uuid4().hex[:6]}"
    kubectl("create", "-f", "-", stdin=_node(name))
    try:
        kubectl.replace_status(_node(name, port))
        yield name
    finally:
        its_pods = ("--all-namespaces", f"--field-selector=spec.nodeName={name}")
        kubectl("delete", "pods", *its_pods, "--force", "--grace-period=0")
        kubectl("delete", "node", name)


@contextmanager
def _serving(logs: Logs) -> Iterator[int]:
    class Kubelet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = logs.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing: stderr is the test's."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _node(name: str, port: int = 0) -> dict[str, Any]:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"unschedulable": True},
    }
    if port:
        node["status"] = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
    return node


def a_pod(name: str, *statuses: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return a pod with a container for each status; `parts` go into its spec.

    A part `metadata`, `container` or `status` goes there instead.
    """
    metadata = {"name": name, **parts.pop("metadata", {})}
    container = parts.pop("container", {})
    status = {"phase": "Running", "containerStatuses": list(statuses), **parts.pop("status", {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "containers": [
                {"name": each["name"], "image": "shop/api:1.2.3", **container} for each in statuses
            ],
            **parts,
        },
        "status": status,
    }


def a_status(name: str = "api", restarts: int = 0, **states: Any) -> dict[str, Any]:
    """Return that of a container; the states are `state` and `lastState`."""
    return {
        "name": name,
        "image": "shop/api:1.2.3",
        "imageID": "",
        "ready": False,
        "restartCount": restarts,
        **states,
    }


def ended(code: int, reason: str = "Error", **more: str) -> dict[str, Any]:
    times = {"startedAt": "2026-11-23T13:50:00Z", "finishedAt": "2026-11-23T13:50:12Z"}
    return {"terminated": {"exitCode": code, "reason": reason, **times, **more}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def make(pack: Pack, *objects: dict[str, Any], namespace: str = "") -> None:
    """Create objects, and play the kubelet or the controller: say how they are."""
    where = ("-n", namespace or pack.namespace)
    pack.kubectl("create", *where, "-f", "-", stdin=a_list(*objects))
    told = [each for each in objects if "status" in each]
    if told:
        pack.kubectl.replace_status(a_list(*told), *where)


def uid_of(pack: Pack, what: str, namespace: str = "") -> str:
    where = ("-n", namespace or pack.namespace, "--output=jsonpath={.metadata.uid}")
    return pack.kubectl("get", what, *where).stdout


def an_event(pack: Pack, name: str, reason: str, message: str, kind: str = "Pod") -> dict[str, Any]:
    """Return one on an object of the test, as a kubelet or a controller tells it."""
    about = {"kind": kind, "name": name, "namespace": pack.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{name}."},
        "involvedObject": {**about, "uid": uid_of(pack, f"{kind}/{name}")},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 7,
        "lastTimestamp": "2026-11-23T13:51:00Z",
    }


def findings(pack: Pack, name: str, kind: str = "Pod", namespace: str = "") -> list[str]:
    """What was found, as the Events on the object say it."""
    events = events_on(pack.kubectl, namespace or pack.namespace, kind, name)
    return [each["message"] for each in events if each["reason"] == DIAGNOSED]


def all_findings(pack: Pack) -> set[str]:
    """Of every object in the cluster, the names of those that something was found about."""
    command = ("get", "events", "--all-namespaces", f"--field-selector=reason={DIAGNOSED}")
    template = "--output=jsonpath={range .items[*]}{.involvedObject.name} {end}"
    return set(pack.kubectl(*command, template).stdout.split())

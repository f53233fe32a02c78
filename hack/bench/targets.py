"""The APIs that are asked, what lies in them, and the account by which a pod would know them."""

import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import control_plane
import trustme
from machine import OTHERS, on
from notifications import CONFIG_MAP, NAMESPACE

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TOKEN = "admin"
ACCOUNT = Path("/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Target:
    """An API server with the definition in it."""

    url: str
    authority: Path
    pid: int
    kubeconfig: Path

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """Send a request and return the answer; raises HTTPError."""
        context = ssl.create_default_context(cafile=str(self.authority))
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        data = None if content is None else json.dumps(content).encode()
        asked = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(asked, context=context) as answer:
            return json.load(answer)

    def lay_account(self) -> None:
        """Put the files of a service account where a kubelet would."""
        (ACCOUNT / "token").write_text(TOKEN)
        (ACCOUNT / "namespace").write_text(NAMESPACE)
        (ACCOUNT / "ca.crt").write_bytes(self.authority.read_bytes())

    @property
    def environ(self) -> dict[str, str]:
        """What the environment of a pod tells, and what the clients in apps/ need to know."""
        host, port = self.url.removeprefix("https://").split(":")
        name = CONFIG_MAP["metadata"]["name"]
        jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        definition = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}"
        bare = {"url": self.url, "authority": str(self.authority), "token": TOKEN}
        return {
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
            "BENCH_JOBS": jobs,
            "BENCH_DEFINITION": definition,
            "BENCH_TARGET": json.dumps({**bare, "jobs": jobs, "definition": definition}),
        }


@dataclass(frozen=True)
class Embedded(Target):
    """The embedded API; `clear` takes its Jobs away."""

    process: subprocess.Popen[str]

    def clear(self) -> None:
        """Delete all Jobs: they are in the memory of the API."""
        self.process.stdin.write("clear\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        self.process.stdout.readline()  # type: ignore[union-attr]


@contextmanager
def embedded(folder: Path) -> Iterator[Embedded]:
    """Run the embedded API, over TLS, on the core of the others."""
    authority = folder / "ca.crt"
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(authority))
    issued = issuer.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(folder / "tls.crt"))
    issued.private_key_pem.write_to_path(str(folder / "tls.key"))
    command = [sys.executable, HERE / "apps/api.py", folder / "tls.crt", folder / "tls.key"]
    with on(OTHERS):
        process = subprocess.Popen(
            [*command, TOKEN, NAMESPACE],
            env={"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        url = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        kubeconfig = _kubeconfig(folder, url, authority)
        target = Embedded(url, authority, process.pid, kubeconfig, process)
        _define(target)
        yield target
    finally:
        process.kill()
        process.wait()


@contextmanager
def real(folder: Path) -> Iterator[Target]:
    """Run a real API server and etcd on the core of the others; no controller makes pods."""
    with on(OTHERS), control_plane.running(folder, controllers=False) as plane:
        kubeconfig = _kubeconfig(folder, plane.url, plane.authority)
        pid = plane.processes["kube-apiserver"].pid
        target = Target(plane.url, plane.authority, pid, kubeconfig)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        target.ask("POST", "/api/v1/namespaces", namespace)
        _define(target)
        yield target


def _kubeconfig(folder: Path, url: str, authority: Path) -> Path:
    context = {"cluster": "bench", "user": "bench", "namespace": NAMESPACE}
    cluster = {"server": url, "certificate-authority": str(authority)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": context}],
        "clusters": [{"name": "bench", "cluster": cluster}],
        "users": [{"name": "bench", "user": {"token": TOKEN}}],
    }
    path = folder / "bench.kubeconfig"
    path.write_text(json.dumps(content))
    return path


def _define(target: Target) -> None:
    target.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", CONFIG_MAP)

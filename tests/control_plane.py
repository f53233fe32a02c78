"""A real Kubernetes control plane on loopback: etcd, API server, controller manager, scheduler.

`make real` compiles them from the modules that tests/real/go.sum pins, or those of another
folder that KUBERNETES names. There is no node, so pods stay pending until a test plays the
kubelet.
"""

import hashlib
import json
import os
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from function_process import ROOT, free_port, steady_port
from waiting import until

GO_SUM = ROOT / os.environ.get("KUBERNETES", "tests/real") / "go.sum"
ADMIN = "admin"
START_SECONDS = 60


def binaries() -> Path:
    """The folder that `make real` compiles into: one for each go.sum."""
    return ROOT / ".cache" / "real" / hashlib.sha256(GO_SUM.read_bytes()).hexdigest()[:12]


@dataclass
class ControlPlane:
    """One etcd, and API servers on it; `running()` starts it."""

    folder: Path
    etcd_port: int = field(default_factory=free_port)
    port: int = field(default_factory=steady_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    def write_kubeconfig(self, path: Path, token: str = ADMIN, namespace: str = "default") -> Path:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "real",
            "contexts": [
                {
                    "name": "real",
                    "context": {"cluster": "real", "user": "real", "namespace": namespace},
                }
            ],
            "clusters": [
                {
                    "name": "real",
                    "cluster": {"server": self.url, "certificate-authority": str(self.authority)},
                }
            ],
            "users": [{"name": "real", "user": {"token": token}}],
        }
        path.write_text(json.dumps(content))
        return path

    def start_etcd(self) -> None:
        url = f"http://127.0.0.1:{self.etcd_port}"
        self._start(
            "etcd",
            "--data-dir=etcd",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls=http://127.0.0.1:{free_port()}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready."""
        self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--tls-cert-file=tls.crt",
            "--tls-private-key-file=tls.key",
            "--cert-dir=certs",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=sa.key",
            "--service-account-signing-key-file=sa.key",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--token-auth-file=tokens",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
        )
        self._await_ready()

    def start_controllers(self) -> None:
        """Start what makes pods of Jobs and ends them, and what hands out accounts."""
        kubeconfig = self.write_kubeconfig(self.folder / "controllers.kubeconfig")
        common = (
            f"--kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
        )
        self._start(
            "kube-controller-manager",
            *common,
            f"--secure-port={free_port()}",
            "--cert-dir=certs",
            "--use-service-account-credentials",
            "--service-account-private-key-file=sa.key",
            "--root-ca-file=ca.crt",
        )
        self._start("kube-scheduler", *common, f"--secure-port={free_port()}", "--cert-dir=certs")

    @contextmanager
    def another_api_server(self) -> Iterator["ControlPlane"]:
        """A second API server on the same etcd, as in a control plane of several nodes."""
        other = replace(self, port=free_port(), processes={})
        try:
            other.start_api_server()
            yield other
        finally:
            other.stop()

    def kill(self, name: str) -> None:
        """End a process as a power cut does."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End all: an API server that outlives its etcd would poison the next one."""
        for name in reversed(list(self.processes)):
            self.kill(name)

    def _start(self, name: str, *options: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [binaries() / name, *options], stdout=log, stderr=log, cwd=self.folder
            )

    def _await_ready(self) -> None:
        context = ssl.create_default_context(cafile=str(self.authority))
        asked = urllib.request.Request(
            f"{self.url}/readyz", headers={"Authorization": f"Bearer {ADMIN}"}
        )

        def is_ready() -> bool:
            with suppress(OSError), urllib.request.urlopen(asked, context=context, timeout=5):
                return True
            return False

        until(is_ready, f"the API server is ready: {self.folder}", START_SECONDS)


@contextmanager
def running(folder: Path, controllers: bool = True) -> Iterator[ControlPlane]:
    """Run a control plane for as long as the block: a whole one, or without `controllers`."""
    plane = ControlPlane(folder)
    _write_credentials(folder)
    try:
        plane.start_etcd()
        plane.start_api_server()
        if controllers:
            plane.start_controllers()
        yield plane
    finally:
        plane.stop()


def _write_credentials(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(str(folder / "tls.key"))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(folder / "tls.crt"), append=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (folder / "sa.key").write_bytes(pem)
    (folder / "tokens").write_text(f'{ADMIN},admin,admin,"system:masters"\n')

"""A namespace for the tests in a cluster that somebody uses, and nothing left of it afterwards."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubectl import OF_THIS_ENVIRONMENT


def given() -> Path | None:
    """The kubeconfig that the caller's environment names: the tests are to run there."""
    named = os.environ.get("KUBECONFIG")
    return Path(named) if named else None


@contextmanager
def namespace_of_its_own(owner: Path, folder: Path) -> Iterator[Path]:
    """Yield a kubeconfig for a new namespace, in which its account may do everything.

    `owner` is the kubeconfig of someone who may make namespaces and roles. What the tests
    get is a token, however their owner is known, and outside their namespace it is worth nothing.
    """
    kubectl = Kubectl(owner, f"openfero-test-{uuid.uuid4().hex[:8]}")
    kubectl("create", "namespace", kubectl.namespace)
    try:
        kubectl("create", "serviceaccount", "tests")
        kubectl("create", "role", "tests", "--verb=*", "--resource=*.*")
        account = f"--serviceaccount={kubectl.namespace}:tests"
        kubectl("create", "rolebinding", "tests", "--role=tests", account)
        yield _write_kubeconfig(folder / "own.kubeconfig", kubectl)
    finally:
        kubectl("delete", "namespace", kubectl.namespace)


class Kubectl:
    """The kubectl of this environment, as the owner and in one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace = namespace
        self._kubeconfig = kubeconfig

    def __call__(self, *arguments: str) -> str:
        options = (f"--kubeconfig={self._kubeconfig}", f"--namespace={self.namespace}")
        ran = subprocess.run(
            [OF_THIS_ENVIRONMENT, *options, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran
        return ran.stdout


def _write_kubeconfig(path: Path, kubectl: Kubectl) -> Path:
    content = json.loads(
        kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    )
    token = kubectl("create", "token", "tests", "--duration=4h").strip()
    content["users"] = [{"name": "tests", "user": {"token": token}}]
    content["contexts"][0]["context"] |= {"user": "tests", "namespace": kubectl.namespace}
    path.write_text(json.dumps(content))
    return path

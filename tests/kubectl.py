"""Real kubectl, of the version of the control plane, and with it what is applied."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import control_plane
import yaml
from function_process import ROOT
from waiting import until

Ran = subprocess.CompletedProcess[str]

BASE = ROOT / "knative"

FUNCTION = "system:serviceaccount:openfero:openfero-function"
"""Whom the API server takes the function for, with the account that is shipped."""

OF_THIS_ENVIRONMENT = Path(sys.executable).with_name("kubectl")
"""The one that pip installs, for where no control plane was compiled."""


class Kubectl:
    """Runs kubectl as whom the kubeconfig says, or `--as` another."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
        }

    def __call__(self, *arguments: object, stdin: Any = "", check: bool = True) -> Ran:
        """Run one command, with a text or a value on its stdin; fail if it does, unless told."""
        ran = subprocess.run(
            [control_plane.binaries() / "kubectl", *map(str, arguments)],
            input=stdin if isinstance(stdin, str) else json.dumps(stdin),
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0 or not check, ran
        return ran

    def replace_status(self, stdin: Any, *where: object) -> None:
        """Say how something is: once more where a controller has written at the same time."""
        command = ("replace", "--subresource=status", *where, "-f", "-")

        def is_replaced() -> bool:
            ran = self(*command, stdin=stdin, check=False)
            assert ran.returncode == 0 or "(Conflict)" in ran.stderr, ran
            return ran.returncode == 0

        until(is_replaced, "the status is replaced")


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def pod_of_the_service() -> dict[str, Any]:
    """Return what the shipped Service says of its pods."""
    service = yaml.safe_load((BASE / "service.yaml").read_text())
    pod: dict[str, Any] = service["spec"]["template"]["spec"]
    return pod


def container_of_the_service() -> dict[str, Any]:
    [container] = pod_of_the_service()["containers"]
    return container


def apply_base(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Apply all of the base but the Knative Service; return all of it."""
    built = documents(kubectl("kustomize", BASE).stdout)
    ours = [each for each in built if not each["apiVersion"].startswith("serving.knative.dev/")]
    kubectl("apply", "--validate=strict", "-f", "-", stdin=yaml.safe_dump_all(ours))
    return built

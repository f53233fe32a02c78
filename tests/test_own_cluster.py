"""The suite in a cluster that somebody uses: a namespace of its own, gone when it is over."""

import os
import subprocess
import sys
from pathlib import Path

import own_cluster
import pytest
from function_process import ROOT


def namespaces(kubeconfig: Path) -> list[str]:
    kubectl = own_cluster.Kubectl(kubeconfig, "default")
    return kubectl("get", "namespaces", "--output=name").split()


@pytest.mark.usefixtures("needs_control_plane")
def test_the_suite_runs_there_and_leaves_nothing_behind(kubeconfig: Path) -> None:
    before = namespaces(kubeconfig)

    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--api=real", "-p", "no:cacheprovider"),
            *("tests/test_requests.py", "-k", "TestOneAlertOneJob"),
        ],
        cwd=ROOT,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert ran.returncode == 0, ran.stdout
    assert "openfero-test-" in ran.stdout
    assert namespaces(kubeconfig) == before

"""What the tests ran against: each real component, and the version that it says it is."""

import re
import subprocess
from pathlib import Path

import alertmanagers
import control_plane
import own_cluster
import prometheus

PACKAGES = ("functions-framework", "gunicorn", "func-python", "kubernetes", "cloudevents")

# Of the package `name`, in the environment whose Python runs it.
_PACKAGE = """
import sys
from importlib.metadata import PackageNotFoundError, version
try:
    print(version(sys.argv[1]))
except PackageNotFoundError:
    pass
"""


def kubernetes() -> list[tuple[str, str]]:
    """Return the parts of the control plane: ours, or the API server of somebody's cluster."""
    if owner := own_cluster.given():
        told = own_cluster.Kubectl(owner, "default")("version", "--output=json")
        served = re.search(r'"serverVersion".*?"gitVersion": "v(.*?)"', told, re.DOTALL)
        return [("Kubernetes API", served[1] if served else "unknown")]
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    found = {name: _ask(control_plane.binaries() / name, "--version") for name in names}
    found["etcd"] = _ask(control_plane.binaries() / "etcd", "--version")
    found["kubectl"] = _ask(control_plane.binaries() / "kubectl", "version", "--client")
    return list(found.items())


def monitoring() -> list[tuple[str, str]]:
    """Return Prometheus and each Alertmanager, as far as this machine has them."""
    if own_cluster.given():  # they take no part there
        return []
    found = [("Alertmanager", each.version) for each in alertmanagers.find_releases()]
    if program := prometheus.find_prometheus():
        found.append(("Prometheus", alertmanagers.version_of(program)))
    return found


def packages(python: Path) -> list[tuple[str, str]]:
    """Return an environment's Python and what of interest is installed in it."""
    found = [("Python", _ask(python, "--version"))]
    for name in PACKAGES:
        if version := _ask(python, "-c", _PACKAGE, name):
            found.append((name, version))
    return found


def _ask(program: Path, *arguments: str) -> str:
    """Return the first thing in its answer that looks like a version, or nothing."""
    told = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    version = re.search(r"\d+\.\d+\S*", told.stdout)
    return version[0] if version else ""

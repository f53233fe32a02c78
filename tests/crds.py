"""What others add to Kubernetes: the definitions of their resources, for a real API server.

`make real` takes them out of the modules that tests/real/crds/go.sum pins.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from function_process import ROOT
from kubectl import Kubectl
from waiting import until

GO_SUM = ROOT / "tests" / "real" / "crds" / "go.sum"

SERVICE = "service"
BROKER = "broker"
TRIGGER = "trigger"
ALERTMANAGER_CONFIG = "monitoring.coreos.com_alertmanagerconfigs"
PROMETHEUS_RULE = "monitoring.coreos.com_prometheusrules"

KNATIVE = (SERVICE, BROKER, TRIGGER)


def path(name: str) -> Path:
    """The file that `make real` has put there: one folder for each go.sum."""
    key = hashlib.sha256(GO_SUM.read_bytes()).hexdigest()[:12]
    return ROOT / ".cache" / "crds" / key / f"{name}.yaml"


@contextmanager
def applied(kubectl: Kubectl, *names: str) -> Iterator[None]:
    """Let the API server know these resources as long as the block."""
    files = [f"--filename={path(name)}" for name in names]
    # On the server's side: one is larger than what kubectl would remember of it.
    kubectl("apply", "--server-side", *files)
    try:
        # It fails, too, on one that is so new that nothing is said about it yet.
        wait = ("wait", "--for=condition=Established", "--timeout=10s", *files)
        until(lambda: not kubectl(*wait, check=False).returncode, f"{names} are established")
        yield
    finally:
        kubectl("delete", "--ignore-not-found", *files)


def spec_schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of a resource's spec, in which what it does not name is wrong.

    The API server takes that where Knative leaves room for what is still to come.
    """
    [version] = yaml.safe_load(path(name).read_text())["spec"]["versions"]
    return _close(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def _close(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_close(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _close(value) for key, value in schema.items()}
    return {**closed, "additionalProperties": False} if "properties" in closed else closed

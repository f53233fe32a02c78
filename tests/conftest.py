"""What the tests share: a Kubernetes API, a proxy before it, and the function in each door.

By default the embedded API and functions of our own. With `--api=real` a real control
plane, or the cluster that KUBECONFIG names, in a namespace of its own. With `--url` the
request suite goes to a running function, whose cluster and namespace KUBECONFIG names.
"""

import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import control_plane
import own_cluster
import pytest
from function_process import FunctionProcess, doors, running
from kube import Kube
from make import MANIFEST, a_config_map, an_alert
from proxy import FaultProxy

from function.cluster import Cluster, connect
from function.definitions import FALLBACK_KEY, definition_name
from function.local.server import LocalAPI
from function.settings import Settings

NAMESPACE = "openfero-jobs"
SERVERS = re.compile(
    r"\[\d{4}-\d\d-\d\d .*\] \[(DEBUG|INFO|WARNING)\] |INFO:(root|hypercorn\.error):"
)

Define = Callable[..., str]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--url", help="a running function to send the request suite to")
    parser.addoption(
        "--door", choices=doors(), default=doors()[0], help="the server that the function runs in"
    )
    parser.addoption(
        "--api",
        choices=["embedded", "real"],
        default="embedded",
        help="the Kubernetes API that everything runs against; `make real` compiles the real one,"
        " KUBECONFIG names one of your own",
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("--api") == "real" and own_cluster.given():
        return f"cluster: that of KUBECONFIG={own_cluster.given()}, in a namespace openfero-test-…"
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "door" in metafunc.fixturenames:
        url, door = (metafunc.config.getoption(name) for name in ("--url", "--door"))
        metafunc.parametrize("door", ["running" if url else door], scope="session")


def write_kubeconfig(path: Path, url: str, token: str = "", namespace: str = NAMESPACE) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [
            {
                "name": "test",
                "context": {"cluster": "test", "user": "test", "namespace": namespace},
            }
        ],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {"token": token} if token else {}}],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("session")


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest, folder: Path) -> Iterator[Path]:
    """The cluster where the tests look for Jobs."""
    if request.config.getoption("--url"):
        yield Path(os.environ["KUBECONFIG"])
        return
    if request.config.getoption("--api") == "real" and (owner := own_cluster.given()):
        with own_cluster.namespace_of_its_own(owner, folder) as path:
            yield path
        return
    if request.config.getoption("--api") == "real":
        real = folder / "control-plane"
        real.mkdir()
        with control_plane.running(real) as plane:
            path = plane.write_kubeconfig(folder / "api.kubeconfig", namespace=NAMESPACE)
            Kube(str(path)).create_namespace()
            yield path
        return
    # As without a node: a pod ends when a test says so.
    with LocalAPI(namespaces=(NAMESPACE,), pod_seconds=24 * 3600) as api:
        yield write_kubeconfig(folder / "api.kubeconfig", api.url)


@pytest.fixture(scope="session")
def needs_control_plane(request: pytest.FixtureRequest) -> None:
    """What is started, stopped or changed as a whole cannot be somebody's cluster."""
    options = request.config
    if options.getoption("--api") != "real" or options.getoption("--url") or own_cluster.given():
        pytest.skip("needs a control plane of its own: make test-real without KUBECONFIG")


@pytest.fixture(scope="session")
def needs_mounts() -> None:
    """What is mounted for one process alone."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-Urm", "true"]).returncode:
        pytest.skip("needs a mount namespace of its own: no unshare, or -Urm is forbidden here")


@pytest.fixture(scope="session")
def kube(kubeconfig: Path) -> Iterator[Kube]:
    client = Kube(str(kubeconfig))
    yield client
    client.close()


@pytest.fixture(scope="session")
def function(
    request: pytest.FixtureRequest, door: str, folder: Path, kubeconfig: Path
) -> Iterator[str]:
    """The URL of the function in one of its doors."""
    if url := request.config.getoption("--url"):
        yield url.rstrip("/")
        return
    with running(door, folder / f"{door}.log", kubeconfig) as process:
        yield process.url
        assert_log_is_clean(process)


@pytest.fixture(scope="session")
def proxy(kube: Kube) -> Iterator[FaultProxy]:
    with FaultProxy(kube.host, kube.authority) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def proxy_kubeconfig(folder: Path, proxy: FaultProxy, kube: Kube) -> Path:
    path = folder / "proxy.kubeconfig"
    return write_kubeconfig(path, proxy.url, kube.token, kube.namespace)


@pytest.fixture(scope="session")
def proxied(door: str, folder: Path, proxy_kubeconfig: Path) -> Iterator[FunctionProcess]:
    """A function whose way to the API leads through the proxy."""
    with running(door, folder / f"{door}-proxied.log", proxy_kubeconfig) as process:
        yield process
        assert_log_is_clean(process)


@pytest.fixture(scope="session")
def cluster(proxy_kubeconfig: Path) -> Cluster:
    return connect(Settings(kubeconfig=str(proxy_kubeconfig)))


@pytest.fixture
def alertname() -> str:
    """A name of its own for each test, so that tests share a namespace in peace."""
    return f"Test{uuid.uuid4().hex[:12]}"


@pytest.fixture
def define(kube: Kube) -> Iterator[Define]:
    """Create definitions; they and their Jobs are gone after the test."""
    names: list[str] = []

    def define(
        alertname: str, status: str = "firing", manifest: Any = MANIFEST, **parts: Any
    ) -> str:
        """Return the name; `manifest` is YAML or a dict, `parts` go to a_config_map()."""
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        name = definition_name(an_alert(alertname, status=status))
        parts.setdefault("data", {FALLBACK_KEY: text})
        kube.create("configmaps", without_server_fields(a_config_map(name=name, **parts)))
        names.append(name)
        return name

    yield define
    for name in names:
        kube.delete("configmaps", name)
        for job in kube.jobs(name):
            kube.delete("jobs", job["metadata"]["name"])


def without_server_fields(content: dict[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in content["metadata"].items() if k not in ("uid", "namespace")}
    return {**content, "metadata": metadata}


def assert_log_is_clean(process: FunctionProcess) -> None:
    log = "\n".join(process.lines())

    assert "Traceback" not in log, log
    assert "defect" not in log, log
    # All but what a server itself says of its start and its end.
    for line in process.lines():
        assert SERVERS.match(line) or json.loads(line)["event"], line

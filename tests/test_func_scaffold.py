"""That func can build and run this project: its scaffold installs us beside func-python.

func writes a small project of its own, whose dependencies are func-python and
`function @ …/f`, where `f` leads to us; pip must find one set of versions for all.

The steps of `func run --builder=host` are taken here one by one. What runs is not func
itself, which no package index has: its command line, and that it takes these steps, were
looked at by hand with func 1.23.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import Define
from function_process import READINESS, ROOT, await_ready, free_port
from kube import Kube, variables
from wire import post

pytestmark = pytest.mark.setup

# func 1.22 and later pin this; older ones take 0.7.0, or whatever is newest.
FUNC_PYTHON = "func-python==0.8.1"

SERVICE = """
from func_python.http import serve
from function import new as handler

serve(handler)
"""


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scaffold")
    (folder / "f").symlink_to(ROOT)
    (folder / "service").mkdir()
    (folder / "service" / "main.py").write_text(SERVICE)
    (folder / "pyproject.toml").write_text(
        f"""
        [project]
        name = "service"
        version = "0.1.0"
        requires-python = ">=3.10"
        dependencies = ["{FUNC_PYTHON}", "function @ {{root:uri}}/f"]
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [tool.hatch.metadata]
        allow-direct-references = true
        [tool.hatch.build.targets.wheel]
        packages = ["service"]
        """
    )
    return folder


def resolve(*requirements: str) -> subprocess.CompletedProcess[str]:
    """What pip would install into an empty environment, without installing it."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    return subprocess.run(
        [*pip, "--report=-", *requirements], capture_output=True, text=True, timeout=120
    )


def versions(resolved: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert resolved.returncode == 0, resolved.stderr
    packages = json.loads(resolved.stdout)["install"]
    return {package["metadata"]["name"]: package["metadata"]["version"] for package in packages}


def test_the_scaffold_of_func_resolves_with_this_project(scaffold: Path) -> None:
    found = versions(resolve(str(scaffold)))

    assert found["func-python"] == "0.8.1"
    assert found["cloudevents"].startswith("2.")
    assert {"function", "kubernetes", "PyYAML"} <= set(found)
    assert "functions-framework" not in found


def test_both_servers_in_one_environment_are_refused_instead_of_an_old_one_installed() -> None:
    resolved = resolve(f"{ROOT}[functions-framework]", FUNC_PYTHON)

    assert resolved.returncode != 0
    assert "ResolutionImpossible" in resolved.stderr


def test_the_project_has_the_name_that_the_scaffold_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["name"] == "function"


@pytest.fixture(scope="module")
def python(scaffold: Path) -> str:
    """The interpreter of the environment that func makes anew for each run."""
    for step in ([sys.executable, "-m", "venv", ".venv"], [".venv/bin/pip", "install", "."]):
        made = subprocess.run(step, cwd=scaffold, capture_output=True, text=True, timeout=240)
        assert made.returncode == 0, made
    return "./.venv/bin/python"


@contextlib.contextmanager
def service(python: str, scaffold: Path, kubeconfig: Path) -> Iterator[tuple[str, Path]]:
    """Run it as func does; yield its URL and its log, and end it with Ctrl-C."""
    address = f"127.0.0.1:{free_port()}"
    log = scaffold / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python, "./service/main.py"],
            cwd=scaffold,
            env={
                "PATH": os.environ["PATH"],
                "PWD": str(scaffold),
                "LISTEN_ADDRESS": address,
                "PORT": address.partition(":")[2],
                "KUBECONFIG": str(kubeconfig),
                **variables_of_func_yaml(),
            },
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://{address}"
        await_ready(process, f"{url}{READINESS}", log)
        yield url, log
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0, "func waits no longer"
    finally:
        process.kill()
        process.wait()


def variables_of_func_yaml() -> dict[str, str]:
    settings = yaml.safe_load((ROOT / "func.yaml").read_text())
    return {each["name"]: each["value"] for each in settings["run"]["envs"]}


def test_what_func_run_starts_settles_the_alerts_of_test(
    python: str, scaffold: Path, kubeconfig: Path, kube: Kube, define: Define
) -> None:
    definition = define("KubeQuotaAlmostFull")
    body = (ROOT / "test" / "alerts.json").read_bytes()

    with service(python, scaffold, kubeconfig) as (url, log):
        response = post(url, body)

    jobs = kube.jobs(definition)
    assert response.status == 200
    assert response.words == ["created", "created", "no-definition", "no-definition"]
    assert sorted(variables(job)["OPENFERO_NAMESPACE"] for job in jobs) == ["payments", "shop"]
    assert "Traceback" not in log.read_text()

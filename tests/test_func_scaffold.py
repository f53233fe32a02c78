"""That func can build this project: its scaffold installs us beside func-python.

func writes a small project of its own, whose dependencies are func-python and
`function @ …/f`, where `f` leads to us; pip must find one set of versions for all.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from function_process import ROOT

pytestmark = pytest.mark.setup

# func 1.22 and later pin this; older ones take 0.7.0, or whatever is newest.
FUNC_PYTHON = "func-python==0.8.1"


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scaffold")
    (folder / "f").symlink_to(ROOT)
    (folder / "service").mkdir()
    (folder / "service" / "main.py").touch()
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

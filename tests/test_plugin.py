"""`openfero` as a plugin of kubectl: real kubectl finds it on the PATH."""

import subprocess
import sys
from pathlib import Path

import kubectl


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Type a kubectl command where the plugin is linked, and nothing else is on the PATH."""
    (folder / "kubectl-openfero").symlink_to(Path(sys.executable).with_name("openfero"))
    environ = {"PATH": str(folder), "HOME": str(folder)}
    command = [kubectl.OF_THIS_ENVIRONMENT, *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30)


def test_linked_under_that_name_it_is_a_command_of_kubectl(tmp_path: Path) -> None:
    ran = run(tmp_path, "openfero", "new", "PodDown")

    assert "name: openfero-poddown-firing" in ran.stdout


def test_what_it_cannot_do_is_an_error_of_kubectl(tmp_path: Path) -> None:
    ran = run(tmp_path, "openfero", "lint", "nothing.yaml")

    assert ran.returncode == 2
    assert ran.stderr.startswith("Error: cannot read nothing.yaml")


def test_its_help_says_how_it_was_called(tmp_path: Path) -> None:
    assert "Usage: kubectl openfero lint " in run(tmp_path, "openfero", "lint", "--help").stdout

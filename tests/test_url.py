"""That the request suite can be sent to a function which is running already."""

import subprocess
import sys
from pathlib import Path

import pytest
from function_process import ROOT, doors, running

pytestmark = pytest.mark.setup


def test_the_request_suite_takes_the_url_of_a_running_function(
    tmp_path: Path, kubeconfig: Path
) -> None:
    with running(doors()[0], tmp_path / "log", kubeconfig) as process:
        suite = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/test_requests.py", "--url", process.url],
            cwd=ROOT,
            env={"KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert suite.returncode == 0, suite.stdout
    assert process.log.read_text().count("created") > 30

"""`python -m function.local`, as a newcomer starts it."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "function.local"]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_in_one_line_where_it_is_and_ends_quietly(
    tmp_path: Path, number: signal.Signals
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    asked = ["--port", "0", "--kubeconfig", kubeconfig, "--namespace", "jobs"]
    with subprocess.Popen(
        [*COMMAND, *asked], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        config = json.loads(kubeconfig.read_text("utf-8"))
        url = config["clusters"][0]["cluster"]["server"]
        assert line == f"listening on {url}: export KUBECONFIG={kubeconfig}\n"
        assert config["contexts"][0]["context"]["namespace"] == "jobs"
        assert kubeconfig.stat().st_mode & 0o777 == 0o600
        with urllib.request.urlopen(f"{url}/api/v1/namespaces/jobs", timeout=5) as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.communicate(timeout=5) == ("", "")
        assert process.returncode == 0


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot listen on port {port}: ")
    assert done.stderr.count("\n") == 1

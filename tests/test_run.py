"""`make run`: the main job on this machine, as a newcomer sees it.

The environment around every demo here names another cluster in each way that a program
might listen to; nobody may ever knock there.
"""

import contextlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from function_process import ROOT, free_port

from function.local.demo import build_table

if not importlib.util.find_spec("functions_framework"):
    pytest.skip("make run starts functions-framework, not installed here", allow_module_level=True)
if not Path("/proc").exists():
    pytest.skip("what is left is looked for in /proc", allow_module_level=True)

pytestmark = pytest.mark.setup

LAST_LINE = "Ctrl-C ends it all"
SECONDS = 60


class Trap:
    """Another cluster: a port that takes connections, and tells whether one came."""

    def __init__(self, home: Path) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        host, port = self._socket.getsockname()
        self._home = home
        self._url = f"http://{host}:{port}"
        self._service = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port)}

    def environment(self) -> dict[str, str]:
        """Return an environment in which everything points here."""
        kubeconfig = self._home / ".kube" / "config"
        kubeconfig.parent.mkdir(exist_ok=True)
        kubeconfig.write_text(json.dumps(self._kubeconfig()))
        proxies = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(self._home),
            "KUBECONFIG": str(kubeconfig),
            **self._service,
            **dict.fromkeys(proxies, self._url),
        }

    def was_entered(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            self._socket.accept()[0].close()
            return True
        return False

    def close(self) -> None:
        self._socket.close()

    def _kubeconfig(self) -> dict[str, object]:
        context = {"cluster": "other", "user": "other", "namespace": "openfero-jobs"}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "other",
            "contexts": [{"name": "other", "context": context}],
            "clusters": [{"name": "other", "cluster": {"server": self._url}}],
            "users": [{"name": "other", "user": {}}],
        }


class Demo:
    """A demo that runs, and what it has printed so far."""

    def __init__(self, port: int, environ: dict[str, str]) -> None:
        self.port = port
        self.output = ""
        self._environ = environ
        self.process = subprocess.Popen(
            [sys.executable, "-m", "function.local.demo", f"--port={port}"],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own, to be interrupted as a terminal does it.
            start_new_session=True,
        )
        self._deadline = threading.Timer(SECONDS, self.process.kill)
        self._deadline.start()

    def read_until(self, awaited: str) -> None:
        """Read on to the line that has the awaited text; fail if it does not come."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line
            if awaited in line:
                return
        raise AssertionError(f"no {awaited!r} in:\n{self.output}")

    def end(self, number: int) -> int:
        """Send a signal to everything in the terminal; return the exit status."""
        os.killpg(self.process.pid, number)
        return self.wait()

    def wait(self) -> int:
        assert self.process.stdout
        self.output += self.process.stdout.read()
        return self.process.wait()

    def close(self) -> None:
        self._deadline.cancel()
        if self.process.poll() is None:
            self.process.terminate()
            self.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def commands(self) -> list[str]:
        """Return the command lines that it tells people to type."""
        return [line.strip() for line in self.output.splitlines() if line.startswith("    ")]

    def type(self, command: str) -> str:
        """Do what a person does in another terminal; return what is printed there."""
        done = subprocess.run(
            command, shell=True, cwd=ROOT, env=shell_environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout


def shell_environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}


def outcomes(answer: str) -> list[str]:
    return [each["outcome"] for each in json.loads(answer)["outcomes"]]


def is_listening(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    return False


def processes_of(port: int) -> list[str]:
    """Return the processes that were started for the demo on a port, wherever they hang now."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile
            if f"local-{port}.kubeconfig".encode() in environ.read_bytes():
                found.append(environ.parent.name)
    return found


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    trap = Trap(tmp_path_factory.mktemp("home"))
    yield trap
    trap.close()


@contextlib.contextmanager
def demo_on(port: int, trap: Trap, **environ: str) -> Iterator[Demo]:
    demo = Demo(port, {**trap.environment(), **environ})
    try:
        yield demo
    finally:
        demo.close()


@pytest.fixture(scope="module")
def demo(trap: Trap) -> Iterator[Demo]:
    """A demo that has told everything and stays up."""
    with demo_on(free_port(), trap) as demo:
        demo.read_until(LAST_LINE)
        yield demo


class TestWhatIsShown:
    def test_each_alert_of_the_notification_has_its_line(self, demo: Demo) -> None:
        job = r"openfero-kubequotaalmostfull-firing-[0-9a-f]{12}"
        expected = [
            r"ALERT +STATUS +OUTCOME +JOB",
            rf"KubeQuotaAlmostFull +firing +created +{job}",
            rf"KubeQuotaAlmostFull +firing +created +{job}",
            r"KubeQuotaAlmostFull +resolved +no-definition +-",
            r"CPUThrottlingHigh +firing +no-definition +-",
        ]

        assert re.search("\n".join(expected) + "\n", demo.output), demo.output

    def test_the_readme_shows_the_same(self, demo: Demo) -> None:
        readme = (ROOT / "README.md").read_text()
        [table] = re.findall(r"```text\n(ALERT.*?)```", readme, re.DOTALL)

        assert table in demo.output

    def test_the_jobs_are_shown_as_kubectl_shows_them(self, demo: Demo) -> None:
        assert len(re.findall(r"^openfero-\S+ +Complete +1/1 ", demo.output, re.M)) == 2

    def test_what_the_container_would_have_run_with_is_shown(self, demo: Demo) -> None:
        assert "image: busybox:" in demo.output
        assert "OPENFERO_NAMESPACE=shop\n" in demo.output
        assert '"notification_reason":"some alerts resolved"' in demo.output

    def test_columns_are_as_wide_as_their_widest_cell(self) -> None:
        alert = {"alert": "A", "status": "firing", "outcome": "no-definition", "job": None}

        assert build_table([alert]).splitlines() == [
            "ALERT   STATUS   OUTCOME         JOB",
            "A       firing   no-definition   -",
        ]


@pytest.fixture
def as_shown(demo: Demo) -> Demo:
    """The demo with the definition and the Jobs that it has shown, and no others."""
    again, get_jobs, *_ = demo.commands()
    kubectl = get_jobs.removesuffix(" get jobs")
    demo.type(f"{kubectl} delete jobs,configmaps --all")
    demo.type(f"{kubectl} apply -f test/definition.yaml")
    demo.type(again)
    return demo


class TestWhatComesNext:
    def test_the_same_again_makes_no_second_job(self, as_shown: Demo) -> None:
        again, get_jobs, *_ = as_shown.commands()

        assert again == (
            'curl -X POST -H "Content-Type: application/json" -d @./test/alerts.json '
            f"http://localhost:{as_shown.port}/alerts"
        )
        assert outcomes(as_shown.type(again)) == [
            "exists",
            "exists",
            "no-definition",
            "no-definition",
        ]
        assert as_shown.type(get_jobs).count("\nopenfero-") == 2

    def test_a_changed_definition_makes_other_jobs(self, as_shown: Demo) -> None:
        again, get_jobs, edit, delete_jobs, *_ = as_shown.commands()

        as_shown.type(f"KUBE_EDITOR='sed -i s/busybox:1.37.0/busybox:1.38.0/' {edit}")
        as_shown.type(delete_jobs)

        assert outcomes(as_shown.type(again))[:2] == ["created", "created"]
        assert as_shown.type(f"{get_jobs} -o wide").count("busybox:1.38.0") == 2

    def test_a_resolved_alert_gets_its_job_once_that_is_defined(self, as_shown: Demo) -> None:
        *_, resolved, define = as_shown.commands()

        assert outcomes(as_shown.type(resolved)) == ["no-definition", "no-definition"]
        as_shown.type(define)
        assert outcomes(as_shown.type(resolved)) == ["created", "created"]

    def test_the_curl_lines_of_test_readme_answer_as_it_says(self, as_shown: Demo) -> None:
        _, get_jobs, _, delete_jobs, *_ = as_shown.commands()
        lines = re.findall(r"^curl .*", (ROOT / "test" / "README.md").read_text(), re.M)
        here = [line.replace(":8080", f":{as_shown.port}") for line in lines]
        alerts, resolved, legacy, event = here

        as_shown.type(delete_jobs)
        for word in "created", "exists":
            assert outcomes(as_shown.type(alerts)) == [word, word, "no-definition", "no-definition"]
            assert outcomes(as_shown.type(legacy)) == [word, word]
            assert outcomes(as_shown.type(resolved)) == ["no-definition", "no-definition"]
        assert json.loads(as_shown.type(event))["counts"] == {"created": 1}
        assert as_shown.type(get_jobs).count("\nopenfero-") == 5


def test_no_other_cluster_is_ever_contacted(demo: Demo, trap: Trap) -> None:
    assert "created" in demo.output
    assert not trap.was_entered()


def test_ctrl_c_ends_everything(trap: Trap) -> None:
    with demo_on(free_port(), trap) as demo:
        demo.read_until(LAST_LINE)
        assert is_listening(demo.port)
        assert len(processes_of(demo.port)) >= 2, "the server and its worker"

        assert demo.end(signal.SIGINT) == 0

        assert_nothing_is_left(demo)


def test_a_signal_while_it_starts_ends_everything(trap: Trap) -> None:
    with demo_on(free_port(), trap) as demo:
        demo.read_until("A Kubernetes API")

        assert demo.end(signal.SIGTERM) == 0

        assert_nothing_is_left(demo)


def assert_nothing_is_left(demo: Demo) -> None:
    assert not is_listening(demo.port)
    assert not processes_of(demo.port)
    assert not list(ROOT.glob(f".cache/*{demo.port}*"))
    assert "Traceback" not in demo.output


def test_a_taken_port_ends_in_one_line_that_says_what_to_do(trap: Trap) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo_on(port, trap) as demo:
            assert demo.wait() == 1
            assert demo.output == f"port {port} is taken: make run PORT={port + 1}\n"


def test_a_port_that_is_none_ends_in_one_line(trap: Trap) -> None:
    with demo_on(0, trap) as demo:
        assert demo.wait() == 1
        assert demo.output == "there is no port 0: make run PORT=8081\n"


def test_a_function_that_does_not_start_says_why_itself(trap: Trap) -> None:
    with demo_on(free_port(), trap, OPENFERO_STRICT="perhaps") as demo:
        assert demo.wait() == 1
        last = demo.output.splitlines()[-1]
        assert last == "openfero: OPENFERO_STRICT is 'perhaps': must be true or false"
        assert not is_listening(demo.port)

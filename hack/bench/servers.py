"""Starts what is measured, as its users start it, and takes it down."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from environments import FUNC, Environment
from machine import SERVER, on

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
OURS = "OpenFero"
SECONDS = 60.0
TRIES = 5

_SERVICE = "from func_python.http import serve\nfrom {} import new as handler\nserve(handler)\n"


@dataclass(frozen=True)
class Program:
    """A command, and its environment; `{port}` in either is a free port."""

    command: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    path: str = "/alerts"


@dataclass
class Server:
    """What was started: when, where it listens, and its process."""

    started: float
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    path: str

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection, as soon as there can be one."""
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            with suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
                connection.connect()
                return connection
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.0005)
        raise TimeoutError(self.log.read_text())

    def post(self, connection: http.client.HTTPConnection, body: bytes) -> bytes:
        """Send a notification and return the answer to it."""
        status, answer = self._send(connection, body)
        assert status == 200, (answer, self.log.read_text()[-5000:])
        return answer

    def settle(self, body: bytes) -> None:
        """Send a notification until it is settled, as Alertmanager does."""
        statuses = (self._send(self.connect(), body)[0] for _ in range(TRIES))
        assert 200 in statuses, self.log.read_text()[-5000:]

    def _send(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self.path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()


def program(environment: Environment, client: str, **environ: str) -> Program:
    """Return how one of the clients in apps/, or the function itself, is started."""
    inside = [] if client == OURS else [str(HERE / "apps" / client), str(HERE / "apps")]
    told = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join([*inside, str(ROOT)]),
        "MALLOC_ARENA_MAX": "1",
        **({"PYTHON_LAZY_IMPORTS": "all"} if environment.lazy else {}),
        **environ,
    }
    if environment.door == FUNC:
        module = "function" if client == OURS else "handler"
        return Program(
            (str(environment.python), "-c", _SERVICE.format(module)),
            {**told, "LISTEN_ADDRESS": "127.0.0.1:{port}"},
        )
    source = ROOT / "function/main.py" if client == OURS else HERE / "apps/main.py"
    return Program(
        (
            str(environment.python),
            str(environment.python.with_name("gunicorn")),
            f"--config={ROOT / 'gunicorn.conf.py'}",
            "--bind=127.0.0.1:{port}",
            "functions_framework:create_app()",
        ),
        {**told, "FUNCTION_SOURCE": str(source), "FUNCTION_TARGET": "openfero"},
    )


@contextmanager
def running(program: Program, log: Path) -> Iterator[Server]:
    """Run a program on the core of the servers; afterwards nothing of it is left."""
    port = _free_port()
    command = [word.replace("{port}", str(port)) for word in program.command]
    environ = {name: text.replace("{port}", str(port)) for name, text in program.environ.items()}
    with on(SERVER), log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=environ, stdout=output, stderr=output, cwd="/", start_new_session=True
        )
    try:
        yield Server(started, port, process, log, program.path)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

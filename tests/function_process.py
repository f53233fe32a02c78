"""The function as a process of its own, started as its users start it."""

import contextlib
import importlib.util
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from waiting import until
from wire import get

ROOT = Path(__file__).parent.parent

READINESS = "/health/readiness"

# What func's scaffold runs as service/main.py.
_FUNC_SERVICE = """
from func_python.http import serve
from function import new as handler
serve(handler)
"""


def doors() -> list[str]:
    """The ways in that this environment can open; no environment can open all."""
    if importlib.util.find_spec("functions_framework"):
        return ["functions-framework", "gunicorn"]
    return ["func"]


def command(door: str, port: int) -> list[str]:
    """The command line that starts the function: for each server the one in the docs."""
    if door == "func":
        return [sys.executable, "-c", _FUNC_SERVICE]
    words = [word for word in _documented(door) if "=" not in word]
    words = [f"127.0.0.1:{port}" if word == ":8080" else word for word in words]
    return [str(Path(sys.executable).with_name(words[0])), *words[1:]]


def _documented(program: str) -> list[str]:
    """The words of the command in docs/development.md, variables before it included."""
    page = (ROOT / "docs" / "development.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = [shlex.split(block.replace("\\\n", "")) for block in blocks]
    [words] = [words for words in commands if program in words]
    return words


@dataclass
class FunctionProcess:
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def terminate(self) -> None:
        """Ask the server to stop, as a kubelet does."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self.process.wait(timeout=30)

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()


@contextlib.contextmanager
def running(
    door: str,
    log: Path,
    kubeconfig: str | Path | None,
    port: int = 0,
    inside: Sequence[str | Path] = (),
    root: Path = ROOT,
    **environ: str,
) -> Iterator[FunctionProcess]:
    """Start the function and wait until it is ready; afterwards nothing of it is left.

    `inside` is a command that runs the function's own as its last words, `root` where
    another version of the project lies.
    """
    port = port or free_port()
    if kubeconfig:
        environ["KUBECONFIG"] = str(kubeconfig)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*inside, *command(door, port)],
            cwd=root,
            env=environment(door, port, **{"PYTHONPATH": str(root), **environ}),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    function = FunctionProcess(f"http://127.0.0.1:{port}", process, log)
    try:
        await_ready(process, f"{function.url}{READINESS}", log)
        yield function
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment(door: str, port: int, **environ: str) -> dict[str, str]:
    """Nothing of the caller's environment but the path: no cluster may slip in."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str(ROOT),
        **_server_environment(door, port),
        **environ,
    }


def _server_environment(door: str, port: int) -> dict[str, str]:
    if door == "func":
        # All but the first as in func.yaml, which a test of its own holds.
        return {
            "LISTEN_ADDRESS": f"127.0.0.1:{port}",
            "PYTHON_LAZY_IMPORTS": "all",
            "MALLOC_ARENA_MAX": "1",
        }
    if door == "functions-framework":
        return {"HOST": "127.0.0.1", "PORT": str(port)}
    return dict(word.split("=") for word in _documented(door) if "=" in word)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def steady_port() -> int:
    """A free port that no system hands out by itself, so that a server can come back to it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def await_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until that address answers; fail with the log if the process ends before it does."""

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            return get(url).status == 200
        return False

    until(is_ready, f"{url} answers; see {log}")

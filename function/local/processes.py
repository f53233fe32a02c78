"""The function as a process, beside the embedded API and against it alone.

Nothing of the caller's environment may lead it to another cluster, and nothing of it
is left when the block that runs it ends, whatever ends it.
"""

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import FrameType

NAMESPACE = "openfero-jobs"

START_SECONDS = 30
STOP_SECONDS = 5

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Of the caller's environment: what a program needs to run. No kubeconfig, no service
# account, no proxy and none of functions-framework's own settings, so that the function
# can meet no other cluster.
_INHERITED = ("LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR")
# The demo posts without a token, and says itself where the Jobs go.
_SET_HERE = ("OPENFERO_TOKEN_FILE", "OPENFERO_JOBS_NAMESPACE")


@dataclass(frozen=True)
class Place:
    """Where this demo is: its port, its kubeconfig, and a folder for what nobody keeps."""

    port: int
    kubeconfig: Path
    folder: Path

    @property
    def log(self) -> Path:
        """What the function says."""
        return self.folder / "function.log"

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a program that shall know this cluster and no other."""
        settings = {
            name: value
            for name, value in os.environ.items()
            if name in _INHERITED or (name.startswith("OPENFERO_") and name not in _SET_HERE)
        }
        # A HOME of its own: there is no default kubeconfig in it, and no cache is left behind.
        here = {"HOME": str(self.folder), "KUBECONFIG": str(self.kubeconfig.resolve())}
        return {**settings, **here, **more}


@contextmanager
def a_place(port: int) -> Iterator[Place]:
    """Make room for a demo; its kubeconfig has a short name, to be typed."""
    kubeconfig = Path(".cache") / f"local-{port}.kubeconfig"
    kubeconfig.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="openfero-") as folder:
        try:
            yield Place(port, kubeconfig, Path(folder))
        finally:
            kubeconfig.unlink(missing_ok=True)


@contextmanager
def a_function(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """Run the function, ready to take alerts, for as long as the block."""
    process = None
    try:
        with _held():
            process = _start(place)
        _await_ready(process, place)
        say(f"The function is at http://localhost:{place.port}, its log in {place.log}")
        yield process
    finally:
        _listen_no_more()
        if process:
            _stop(process)


def program(name: str) -> Path:
    """Return the path of a program that was installed beside this Python."""
    return Path(sys.executable).with_name(name)


def _start(place: Place) -> subprocess.Popen[bytes]:
    environment = place.environment(
        OPENFERO_JOBS_NAMESPACE=NAMESPACE, HOST="127.0.0.1", PORT=str(place.port)
    )
    with place.log.open("wb") as log:
        return subprocess.Popen(
            [
                program("functions-framework"),
                "--source",
                "function/main.py",
                "--target",
                "openfero",
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A session of its own: Ctrl-C reaches it through _stop alone, in good order.
            start_new_session=True,
        )


def _await_ready(process: subprocess.Popen[bytes], place: Place) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError, http.client.HTTPException):
            if request(place.port, "GET", "/health/readiness")[0] == HTTPStatus.OK:
                return
        time.sleep(0.02)
    give_up(place, "the function did not start")


def give_up(place: Place, why: str) -> None:
    """Exit with the function's own last words."""
    lines = place.log.read_text(errors="replace").strip().splitlines()
    sys.exit("\n".join(lines[-20:]) or why)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the function with all its workers, whether they want to or not."""
    # A group that is gone is refused in one way here and in another there.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def request(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    """Return status and body of the function's answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def end_on_signals() -> None:
    """Have each signal that ends programs raise KeyboardInterrupt from now on."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, once."""
    _listen_no_more()
    raise KeyboardInterrupt


def _listen_no_more() -> None:
    """Ignore signals from now on: nothing shall disturb the ending."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _held() -> Iterator[None]:
    """Put a signal off until the block is through: a process half born cannot be ended."""
    came: list[int] = []
    for number in _SIGNALS:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        end_on_signals()
        if came:
            signal.raise_signal(came[0])


def say(text: str) -> None:
    """Print a text, at once, for whoever reads it through a pipe."""
    print(text, flush=True)

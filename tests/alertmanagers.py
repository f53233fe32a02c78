"""Alertmanager and amtool as this machine has them, and Alertmanagers as processes.

Two versions matter: the one of an old stable distribution, and a newer one, which tells
more in its notifications. Each is asked what it is; neither is assumed.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from function_process import ROOT, await_ready, free_port
from waiting import until
from wire import get, request

Labels = dict[str, str]

SHIPPED = ROOT / "knative" / "alertmanager"
FETCHED = ROOT / ".cache" / "alertmanager" / "usr" / "bin"

NEEDS = {
    "packaged": "needs Alertmanager: apt-get install prometheus-alertmanager",
    "newer": "needs Alertmanager 0.32 or newer: make real, where apt reaches Debian's packages",
}
"""The versions that matter, and what a test says it needs where there is none."""

QUICK = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
"""Times of a route in which a test need not wait, and hears nothing twice."""


@dataclass(frozen=True)
class Release:
    """One version of Alertmanager, and its amtool."""

    alertmanager: Path
    amtool: Path

    @property
    def version(self) -> str:
        return version_of(self.alertmanager)


def find_release(which: str) -> Release | None:
    """Return the `packaged` or the `newer` version, if this machine has it."""
    path = None if which == "packaged" else str(FETCHED)
    names = ("prometheus-alertmanager", "alertmanager")  # Debian's, and its own
    alertmanager = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    amtool = shutil.which("amtool", path=path)
    return Release(Path(alertmanager), Path(amtool)) if alertmanager and amtool else None


def find_releases() -> list[Release]:
    """Return every version that this machine has."""
    return [release for which in NEEDS if (release := find_release(which))]


def version_of(program: Path) -> str:
    """Return the version that a program of the Prometheus family says it is."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\S+)", told.stdout + told.stderr)
    assert found, told
    return found[1]


def now() -> str:
    return datetime.now(UTC).isoformat()


def configuration(
    url: str, token_file: Path, name: str = "alertmanager.yml", **route: Any
) -> dict[str, Any]:
    """Return a configuration that is shipped, with this function, its token and a test's times."""
    content: dict[str, Any] = yaml.safe_load((SHIPPED / name).read_text())
    [ours] = [each for each in content["route"]["routes"] if each["receiver"] == "openfero"]
    ours |= {**QUICK, **route}
    [receiver] = [each for each in content["receivers"] if each["name"] == "openfero"]
    [webhook] = receiver["webhook_configs"]
    webhook["url"] = url
    webhook["http_config"]["authorization"] = {"credentials_file": str(token_file)}
    return content


@dataclass(frozen=True)
class Alertmanager:
    """One that runs."""

    release: Release
    url: str
    log: Path

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    def fire(self, *alerts: Labels, since: str = "") -> None:
        """Post alerts that fire, as Prometheus does: since now, or since then."""
        self.post([{"labels": labels, "startsAt": since or now()} for labels in alerts])

    def resolve(self, *alerts: Labels) -> None:
        """Post that they have ended."""
        self.post([{"labels": labels, "endsAt": now()} for labels in alerts])

    def post(self, alerts: Sequence[dict[str, Any]]) -> None:
        """Post alerts as its API takes them."""
        headers = {"Content-Type": "application/json"}
        response = request("POST", f"{self.url}/api/v2/alerts", json.dumps(alerts), headers)
        assert response.status == 200, response.text

    def notifications(self) -> int:
        """How many notifications it has sent, each of them once or more often."""
        return self._counted("notifications")

    def failures(self) -> int:
        """How many of them it has given up, or will send again with its group."""
        return self._counted("notifications_failed")

    def requests(self) -> int:
        """How many requests they took, retries included."""
        return self._counted("notification_requests")

    def groups(self) -> int:
        """How many groups it holds: none, some time after all has resolved and was told."""
        return self._sum("alertmanager_dispatcher_aggregation_groups")

    def peers(self) -> int:
        """How many are in its cluster, once that is settled."""
        cluster = json.loads(get(f"{self.url}/api/v2/status").body)["cluster"]
        return len(cluster["peers"]) if cluster["status"] == "ready" else 0

    def _counted(self, what: str) -> int:
        return self._sum(f"alertmanager_{what}_total", 'integration="webhook"')

    def _sum(self, metric: str, label: str = "") -> int:
        """Return a metric's sum over all that have the label; one that is not there is no 0."""
        text = get(f"{self.url}/metrics").text
        assert f"\n# TYPE {metric} " in text, metric
        found = re.findall(rf"^{metric}((?:\{{.*\}})?) (\S+)$", text, re.M)
        return sum(int(value) for labels, value in found if label in labels)


@contextlib.contextmanager
def running(
    release: Release, folder: Path, content: Any, cluster: Sequence[str] = ("listen-address=",)
) -> Iterator[Alertmanager]:
    """Run an Alertmanager as long as the block; `cluster` are its options of that name."""
    port = free_port()
    folder.mkdir()
    (folder / "alertmanager.yml").write_text(json.dumps(content))
    command = [
        str(release.alertmanager),
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        *(f"--cluster.{option}" for option in cluster),
    ]
    url = f"http://127.0.0.1:{port}"
    with process(command, folder, f"{url}/-/ready") as log:
        yield Alertmanager(release, url, log)


@contextlib.contextmanager
def pair(
    release: Release, folder: Path, content: Any, *cluster: str
) -> Iterator[tuple[Alertmanager, Alertmanager]]:
    """Run two Alertmanagers that know each other."""
    ports = free_port(), free_port()

    def start(number: int) -> contextlib.AbstractContextManager[Alertmanager]:
        options = (
            f"listen-address=127.0.0.1:{ports[number]}",
            f"peer=127.0.0.1:{ports[1 - number]}",
            # So that they settle in a second.
            "gossip-interval=20ms",
            *cluster,
        )
        return running(release, folder / f"alertmanager-{number}", content, options)

    with start(0) as one, start(1) as other:
        until(lambda: one.peers() == other.peers() == 2, "the pair is settled")
        yield one, other


@contextlib.contextmanager
def process(command: list[str], folder: Path, ready: str) -> Iterator[Path]:
    """Run a program as long as the block, and wait until that address answers; yield its log.

    Afterwards nothing of it is left; pytest shows the log if the test fails.
    """
    log = folder / "log"
    with log.open("wb") as output:
        started = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, start_new_session=True
        )
    try:
        await_ready(started, ready, log)
        yield log
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        print(f"== {folder.name}\n{log.read_text()}")

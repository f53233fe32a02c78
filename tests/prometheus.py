"""Prometheus as a process, and what it looks at: things that a test breaks and mends."""

import contextlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from alertmanagers import process
from function_process import free_port
from waiting import until
from wire import get

NEEDS = "needs Prometheus: apt-get install prometheus"


def find_prometheus() -> Path | None:
    """Return the program, if this machine has it."""
    path = shutil.which("prometheus")
    return Path(path) if path else None


def need_prometheus() -> Path:
    """Return the program; without it the test is skipped."""
    program = find_prometheus()
    if not program:
        pytest.skip(NEEDS)
    return program


@dataclass
class Exporter:
    """Tells Prometheus of pods, each broken or not; listens on loopback inside `with`."""

    broken: dict[tuple[str, str], int] = field(default_factory=dict)

    def __enter__(self) -> "Exporter":
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.text().encode()
                self.send_response_only(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def text(self) -> str:
        samples = sorted(self.broken.items())
        lines = [f'broken{{rule="{rule}",pod="{pod}"}} {is_so}' for (rule, pod), is_so in samples]
        return "".join(f"{line}\n" for line in lines)

    def breaks(self, rule: str, pod: str) -> None:
        self.broken[rule, pod] = 1

    def mends(self, rule: str, pod: str) -> None:
        self.broken[rule, pod] = 0

    def mend_all(self) -> None:
        for name in self.broken:
            self.broken[name] = 0


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str
    log: Path

    def sent(self) -> int:
        """How many alerts it has handed to Alertmanager."""
        name = r"prometheus_notifications_sent_total\{.*\}"
        found = re.search(rf"^{name} (\S+)$", get(f"{self.url}/metrics").text, re.M)
        return int(found[1]) if found else 0

    def knows_its_surroundings(self) -> bool:
        """Whether it has found what to scrape and whom to tell; until then it drops alerts."""
        answers = [json.loads(get(f"{self.url}/api/v1/{name}").body)["data"] for name in _FINDS]
        return all(data[key] for data, key in zip(answers, _FINDS.values(), strict=True))


_FINDS = {"alertmanagers": "activeAlertmanagers", "targets": "activeTargets"}


@contextlib.contextmanager
def running(
    program: Path,
    folder: Path,
    exporter: Exporter,
    alertmanager: str,
    alertnames: list[str],
    resend: int = 10,
) -> Iterator[Prometheus]:
    """Run a Prometheus as long as the block, as one of several replicas; the folder names it.

    It raises each of these alerts for the pods that are broken under that name, and sends it
    again after `resend` seconds; what is not sent again ends after four times that.
    """
    port = free_port()
    folder.mkdir()
    content = _configuration(folder.name, exporter.address, alertmanager)
    (folder / "prometheus.yml").write_text(json.dumps(content))
    rules = {"groups": [{"name": "broken", "rules": [_rule(name) for name in alertnames]}]}
    (folder / "rules.yml").write_text(json.dumps(rules))
    command = [
        str(program),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--rules.alert.resend-delay={resend}s",
    ]
    url = f"http://127.0.0.1:{port}"
    with process(command, folder, f"{url}/-/ready") as log:
        started = Prometheus(url, log)
        # It looks around every five seconds.
        until(started.knows_its_surroundings, f"{folder.name} has found its Alertmanager")
        yield started


def _configuration(replica: str, exporter: str, alertmanager: str) -> dict[str, Any]:
    return {
        "global": {
            "scrape_interval": "500ms",
            "scrape_timeout": "500ms",
            "evaluation_interval": "500ms",
            "external_labels": {"replica": replica},
        },
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "pods", "static_configs": [{"targets": [exporter]}]}],
        "alerting": {
            # Else each replica's alert would be another alert.
            "alert_relabel_configs": [{"action": "labeldrop", "regex": "replica"}],
            "alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}],
        },
    }


def _rule(alertname: str) -> dict[str, Any]:
    return {
        "alert": alertname,
        # A scrape that a busy machine misses shall not end an episode.
        "expr": f'max by (pod) (last_over_time(broken{{rule="{alertname}"}}[10s])) == 1',
        "labels": {"severity": "warning"},
        "annotations": {"summary": "{{ $labels.pod }} is broken"},
    }

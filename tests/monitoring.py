"""The shipped rules and dashboard, and what judges them: promtool, and a real Prometheus."""

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from alertmanagers import process
from function_process import ROOT, free_port
from kube_state import ANNOTATIONS, LABELS, Series, allowed
from prometheus import NEEDS, need_prometheus
from wire import get, request

FOLDER = ROOT / "knative" / "monitoring"
PAGE = (ROOT / "docs" / "monitoring.md").read_text()
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yaml").read_text())
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())

SHOWN = (allowed(PAGE, LABELS), allowed(PAGE, ANNOTATIONS))
"""The labels and annotations that the page lets kube-state-metrics show."""

Timeline = dict[str, list[float | None]]
"""For each series its value in each minute, or that it is not there."""


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["spec"]["groups"] for rule in group["rules"]]


def alerts() -> set[str]:
    return {rule["alert"] for rule in rules() if "alert" in rule}


def promtool() -> str:
    program = shutil.which("promtool")
    if not program:
        pytest.skip(NEEDS)
    return program


def timeline(*parts: tuple[int, Series]) -> Timeline:
    """Put states after one another, each for so many minutes."""
    names = {name for _, series in parts for name in series}
    return {
        name: [series.get(name) for minutes, series in parts for _ in range(minutes)]
        for name in names
    }


@dataclass(frozen=True)
class Fired:
    """One alert that fires."""

    name: str
    job: str = ""
    seen_by: str = ""


def firing(folder: Path, series: Timeline, minutes: Iterable[int]) -> dict[int, set[Fired]]:
    """Return what fires in each of these minutes, as promtool says."""
    told: dict[int, set[Fired]] = {minute: set() for minute in minutes}
    expected = [_alert_test(name, minute) for minute in told for name in sorted(alerts())]
    # It fails, for each alert and minute, with those that it did not expect.
    _, *parts = re.split(r"alertname: \w+, time: (\w+),", _test(folder, series, expected))
    for moment, said in zip(parts[::2], parts[1::2], strict=True):
        told[_minutes(moment)] |= set(_fired(said))
    return told


def _minutes(duration: str) -> int:
    """Read what promtool writes, such as 1d2h3m."""
    factors = {"d": 24 * 60, "h": 60, "m": 1, "s": 0}
    return sum(int(count) * factors[unit] for count, unit in re.findall(r"(\d+)([dhms])", duration))


def values(folder: Path, series: Timeline, query: str, minute: int) -> dict[str, float]:
    """Return what a query gives in that minute, with the recorded series to ask for."""
    asked = {"expr": query, "eval_time": f"{minute}m", "exp_samples": []}
    said = _test(folder, series, [], [asked])
    [got] = re.findall(r"got: (.*)", said) or [""]
    return {labels: float(value) for labels, value in re.findall(r"(\{.*?\}) ([^\s,]+)", got)}


def _alert_test(name: str, minute: int) -> dict[str, Any]:
    return {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": []}


def _fired(said: str) -> Iterator[Fired]:
    for labels in re.findall(r"Labels:(\{.*?\}) ", said.replace("\n", " ")):
        told = dict(re.findall(r'(\w+)="(.*?)"', labels))
        if told:
            yield Fired(told["alertname"], told.get("job_name", ""), told.get("seen_by", ""))


def _test(folder: Path, series: Timeline, alerts: Any, queries: Any = ()) -> str:
    (folder / "rules.yml").write_text(yaml.safe_dump(without_texts()))
    content = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        # Else by chance, and what a group asks of another is then a minute old.
        "group_eval_order": [group["name"] for group in RULES["spec"]["groups"]],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": _in_words(values)} for name, values in series.items()
                ],
                "alert_rule_test": alerts,
                "promql_expr_test": list(queries),
            }
        ],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(content))
    ran = subprocess.run(
        [promtool(), "test", "rules", "test.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = ran.stdout + ran.stderr
    assert "FAILED" in said or ran.returncode == 0, said
    return said if "FAILED" in said else ""


def without_texts() -> dict[str, Any]:
    """Return the rules without what people read, which is tested by itself."""
    spec: dict[str, Any] = json.loads(json.dumps(RULES["spec"]))
    for group in spec["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations", None)
    return spec


def _in_words(values: list[float | None]) -> str:
    """Write values as promtool reads them: a series that goes is stale, as after a scrape."""
    words = []
    before: float | None = None
    for value in values:
        gone = "_" if before is None else "stale"
        words.append(gone if value is None else f"{value:.0f}")
        before = value
    return " ".join(words)


# A real Prometheus.


@dataclass(frozen=True)
class Prometheus:
    url: str

    def query(self, query: str) -> list[dict[str, Any]]:
        return list(self._asked("query", query=query)["result"])

    def query_range(self, query: str, **times: float) -> list[dict[str, Any]]:
        return list(self._asked("query_range", query=query, **times)["result"])

    def firing(self) -> list[dict[str, Any]]:
        found = self._asked("alerts")["alerts"]
        return [each for each in found if each["state"] == "firing"]

    def rules(self) -> list[dict[str, Any]]:
        groups = self._asked("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _asked(self, path: str, **parameters: Any) -> Any:
        url = f"{self.url}/api/v1/{path}"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = request("POST", url, urlencode(parameters), form) if parameters else get(url)
        assert answer.status == 200, answer.text
        return json.loads(answer.body)["data"]


@contextlib.contextmanager
def prometheus(
    folder: Path, spec: dict[str, Any], *targets: str, samples: str = ""
) -> Iterator[Prometheus]:
    """Run one that has these rules, looks at these targets, and knows these samples of before."""
    program = need_prometheus()
    (folder / "rules.yml").write_text(yaml.safe_dump(spec))
    content = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "them", "static_configs": [{"targets": list(targets)}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(content))
    if samples:
        (folder / "samples").write_text(samples)
        command = [promtool(), "tsdb", "create-blocks-from", "openmetrics", "samples", "data"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    port = free_port()
    command = [
        str(program),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        # What was loaded must not be old before a busy machine has looked at all of it.
        "--query.lookback-delta=30m",
    ]
    url = f"http://127.0.0.1:{port}"
    with process(command, folder, f"{url}/-/ready"):
        yield Prometheus(url)


def openmetrics(series: Timeline, end: float) -> str:
    """Write samples, a minute apart, of which the last is at `end`."""
    lines = []
    for name, values in sorted(series.items()):
        for number, value in enumerate(values):
            if value is not None:
                moment = end - 60 * (len(values) - 1 - number)
                lines.append(f"{name} {value} {moment:.0f}")
    # All of a name together: what is told of a family must not be told twice.
    return "\n".join([*lines, "# EOF", ""])

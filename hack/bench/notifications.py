"""What is sent, and the Jobs that it becomes: the sample definition and alerts that fit it."""

import itertools
import json
import time
import uuid
from pathlib import Path
from typing import Any

import yaml

from function.alerts import read_notification
from function.definitions import read_definition
from function.jobs import build_job

ROOT = Path(__file__).parent.parent.parent
NAMESPACE = "openfero-jobs"
CONFIG_MAP: dict[str, Any] = yaml.safe_load((ROOT / "test/definition.yaml").read_text())
# By this label the original knows its definitions, and it asks for a name of the Job.
CONFIG_MAP["metadata"]["labels"] = {"app": "openfero"}
_KEY, _MANIFEST = next(iter(CONFIG_MAP["data"].items()))
_SAMPLE = json.loads((ROOT / "test/alerts.json").read_text())
_RUN = uuid.uuid4().hex[:8]
_numbers = itertools.count()


def with_a_name(manifest: str) -> str:
    """Return a manifest with the name that the original asks for; the function gives its own."""
    return manifest.replace("kind: Job\n", "kind: Job\nmetadata: {name: bench}\n", 1)


CONFIG_MAP["data"][_KEY] = with_a_name(_MANIFEST)


def notification(alerts: int = 1, name: str = _KEY, **labels: str) -> bytes:
    """Return the body of a request with that many alerts that nobody has seen before."""
    return json.dumps(_SAMPLE | {"alerts": [_alert(name, labels) for _ in range(alerts)]}).encode()


def _alert(name: str, labels: dict[str, str]) -> dict[str, Any]:
    alert: dict[str, Any] = _SAMPLE["alerts"][0]
    own = {"alertname": name, "pod": f"web-{_RUN}-{next(_numbers)}"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return alert | {"labels": alert["labels"] | own | labels, "startsAt": now}


def jobs(body: bytes, config_map: dict[str, Any] = CONFIG_MAP) -> list[str]:
    """Return the Jobs that the function makes of a notification, each as a line of JSON."""
    read = read_notification({"content-type": "application/json"}, body)
    built = [
        build_job(read_definition(config_map, alert), alert, read, NAMESPACE)[0]
        for alert in read.alerts
    ]
    return [json.dumps(job) for job in built]

"""A client that shows the embedded API's answers as they are, and manifests for it."""

import http.client
import json
import urllib.request
from dataclasses import dataclass
from typing import Any

JOBS = "/apis/batch/v1/namespaces/default/jobs"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@dataclass(frozen=True)
class Response:
    """An answer; `body` is the parsed JSON, or the text if it is none."""

    status: int
    body: Any
    headers: http.client.HTTPMessage


class Client:
    """One connection, kept alive."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Response:
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if raw is not None:
            sent["Content-Type"] = content_type
        self.connection.request(method, path, raw, sent)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        is_json = answer.headers["Content-Type"] == "application/json"
        return Response(answer.status, json.loads(text) if is_json else text, answer.headers)

    def get(self, path: str, **headers: str) -> Response:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any) -> Response:
        return self.ask("POST", path, body)

    def merge(self, path: str, body: Any) -> Response:
        return self.ask("PATCH", path, body, "application/merge-patch+json")


class Watch:
    """The events of a watch, one line each, as they come; five seconds without one is an error."""

    def __init__(self, url: str) -> None:
        self.answer = urllib.request.urlopen(url, timeout=5)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()

    def next(self) -> tuple[str, dict[str, Any]]:
        event = json.loads(self.answer.readline())
        return event["type"], event["object"]

    def next_name(self) -> tuple[str, str]:
        type_, seen = self.next()
        return type_, seen["metadata"].get("name", "")


def build_job(name: str = "repair", **spec: Any) -> dict[str, Any]:
    """A manifest as an author writes it; `spec` goes into the job's spec."""
    container = {"name": "main", "image": "busybox", "command": ["true"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": pod}, **spec},
    }


def build_config_map(name: str = "definition", **fields: Any) -> dict[str, Any]:
    """A ConfigMap with one key unless `fields` say otherwise."""
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    return {**head, "data": {"job.yaml": "kind: Job"}, **fields}

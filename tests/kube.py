"""A test's own view of a Kubernetes API, beside the function: plain objects over HTTP."""

import json
from typing import Any
from urllib.parse import quote

from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config.kube_config import list_kube_config_contexts, load_kube_config
from waiting import until

Objects = list[dict[str, Any]]

_PREFIXES = {
    "configmaps": "/api/v1",
    "events": "/api/v1",
    "jobs": "/apis/batch/v1",
    "pods": "/api/v1",
    "resourcequotas": "/api/v1",
}


class Kube:
    """The API and the namespace that a kubeconfig names."""

    def __init__(self, kubeconfig: str) -> None:
        configuration = Configuration()
        load_kube_config(kubeconfig, client_configuration=configuration)
        configuration.retries = False
        configuration.connection_pool_maxsize = 32
        self.host = configuration.host
        self.authority: str | None = configuration.ssl_ca_cert
        self.namespace = list_kube_config_contexts(kubeconfig)[1]["context"]["namespace"]
        self._configuration = configuration
        self._rest = RESTClientObject(configuration)

    @property
    def token(self) -> str:
        """The bearer token, if there is one."""
        text = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return (text or "").removeprefix("Bearer ")

    def create_namespace(self) -> None:
        content = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        self._ask("POST", "/api/v1/namespaces", content)

    def close(self) -> None:
        self._rest.close()

    def create(self, resource: str, content: dict[str, Any]) -> dict[str, Any]:
        return self._ask("POST", self._path(resource), content)

    def get(self, resource: str, name: str) -> dict[str, Any]:
        return self._ask("GET", self._path(resource, name))

    def list(self, resource: str, selector: str = "") -> Objects:
        path = f"{self._path(resource)}?labelSelector={quote(selector)}"
        return self._ask("GET", path)["items"]

    def events(self, definition: str) -> Objects:
        """The Events on a definition."""
        return [
            event for event in self.list("events") if event["involvedObject"]["name"] == definition
        ]

    def jobs(self, definition: str) -> Objects:
        """The Jobs that were made for a definition of up to 63 characters."""
        return self.list("jobs", f"openfero.io/definition={definition}")

    def patch(
        self, resource: str, name: str, content: dict[str, Any], *subresource: str
    ) -> dict[str, Any]:
        return self._ask("PATCH", self._path(resource, name, *subresource), content)

    def complete(self, name: str) -> None:
        """Let a Job end well: play the kubelet where there is none, and wait for the controller."""

        def is_complete() -> bool:
            for pod in self.list("pods", f"batch.kubernetes.io/job-name={name}"):
                if pod["status"].get("phase", "Pending") in ("Pending", "Running"):
                    ended = {"status": {"phase": "Succeeded"}}
                    self.patch("pods", pod["metadata"]["name"], ended, "status")
            return _is_complete(self.get("jobs", name))

        until(is_complete, f"{name} ends")

    def delete(self, resource: str, name: str) -> None:
        self._ask("DELETE", f"{self._path(resource, name)}?propagationPolicy=Background")

    def _path(self, *parts: str) -> str:
        return "/".join([_PREFIXES[parts[0]], "namespaces", self.namespace, *map(quote, parts)])

    def _ask(self, method: str, path: str, content: Any = None) -> dict[str, Any]:
        return json.loads(self.text(method, path, content))

    def text(self, method: str, path: str, content: Any = None) -> str:
        """Return what the server answers, whatever it is."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Content-Type": kind, "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        response = self._rest.request(
            method, self._configuration.host + path, headers, content, _request_timeout=(5, 30)
        )
        text: str = response.read().decode()
        assert response.status < 300, f"{method} {path}: {response.status} {text!r}"
        return text


def variables(job: dict[str, Any]) -> dict[str, str]:
    """The variables of the first container."""
    container = job["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}


def pods_of(jobs: Objects) -> list[str]:
    """The label `pod` of the alerts that these Jobs were made for."""
    return sorted(variables(job)["OPENFERO_POD"] for job in jobs)


def _is_complete(job: dict[str, Any]) -> bool:
    conditions = job.get("status", {}).get("conditions") or []
    return any(each["type"] == "Complete" and each["status"] == "True" for each in conditions)

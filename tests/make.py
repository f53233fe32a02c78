"""Values that tests begin with: alerts, notifications, requests, manifests, ConfigMaps.

Each function returns a new value that is legal as it stands, and takes what the test is about.
"""

import json
from pathlib import Path
from typing import Any

from function.alerts import Alert, Notification

RECORDINGS = Path(__file__).parent / "fixtures" / "alertmanager"

STARTS_AT = "2026-11-23T13:52:24.382086Z"
FINGERPRINT = "c043364353c42f78"

MANIFEST = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: free-the-quota
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: repair
          image: registry.example/repair:1
"""

BINARY_EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/alertmanager",
    "ce-type": "io.prometheus.alertmanager.notification",
}
"""The headers that make an event of a request, in the names' lower case."""

STRUCTURED = {"content-type": "application/cloudevents+json"}


def an_alert(
    name: str | None = "KubeQuotaAlmostFull",
    /,
    *,
    status: str = "firing",
    starts_at: str = STARTS_AT,
    fingerprint: str = FINGERPRINT,
    source: dict[str, Any] | None = None,
    **labels: str,
) -> Alert:
    """Return an alert as it has been read; a name of None leaves the label out."""
    all_labels = labels if name is None else {"alertname": name, **labels}
    if source is None:
        source = alert_json(
            status=status, labels=all_labels, startsAt=starts_at, fingerprint=fingerprint
        )
    return Alert(status, all_labels, starts_at, fingerprint, source)


def a_notification(
    *alerts: Alert, is_event: bool = False, traceparent: str = "", **details: Any
) -> Notification:
    """Return a notification as it has been read; its details are those given, else a group key."""
    return Notification(
        alerts or (an_alert(),),
        details or {"groupKey": '{}:{alertname="KubeQuotaAlmostFull"}'},
        is_event,
        traceparent,
    )


def alert_json(**fields: Any) -> dict[str, Any]:
    """Return one alert as Alertmanager writes it."""
    return {
        "status": "firing",
        "labels": {"alertname": "KubeQuotaAlmostFull"},
        "annotations": {"summary": "The quota is almost full"},
        "startsAt": STARTS_AT,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": FINGERPRINT,
        **fields,
    }


def firing(alertname: str, **labels: str) -> dict[str, Any]:
    """Return one firing alert of that name, without a fingerprint."""
    return alert_json(labels={"alertname": alertname, **labels}, fingerprint="")


def notification_json(*alerts: Any, **fields: Any) -> dict[str, Any]:
    """Return one notification as Alertmanager writes it, of one alert if none is given."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="KubeQuotaAlmostFull"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "openfero",
        "groupLabels": {"alertname": "KubeQuotaAlmostFull"},
        "commonLabels": {"alertname": "KubeQuotaAlmostFull"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts) or [alert_json()],
        **fields,
    }


def a_body(*alerts: Any, **fields: Any) -> bytes:
    """Return the body of a request that notifies."""
    return json.dumps(notification_json(*alerts, **fields)).encode()


def event_json(**attributes: Any) -> dict[str, Any]:
    """Return a structured CloudEvent that holds a notification."""
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/alertmanager",
        "type": "io.prometheus.alertmanager.notification",
        "datacontenttype": "application/json",
        "data": notification_json(),
        **attributes,
    }


def a_recording(name: str) -> bytes:
    """Return the body that a real Alertmanager once posted."""
    return (RECORDINGS / f"{name}.json").read_bytes()


def headers_of(name: str) -> dict[str, str]:
    """Return the headers that came with a recording, in the names' lower case."""
    pairs = json.loads((RECORDINGS / f"{name}.headers.json").read_text())
    return {key.lower(): value for key, value in pairs}


def a_manifest(pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a Job manifest; `pod` is added to its pod's spec, the rest to the Job's."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "free-the-quota"},
        "spec": {
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [a_container()],
                    **(pod or {}),
                }
            },
            **spec,
        },
    }


def a_container(**fields: Any) -> dict[str, Any]:
    """Return a container as an author writes it."""
    return {"name": "repair", "image": "registry.example/repair:1", **fields}


def rails(**annotations: str) -> dict[str, str]:
    """Return guard rails as annotations, by their short names with `_` for `-`."""
    return {f"openfero.io/{name.replace('_', '-')}": text for name, text in annotations.items()}


def a_config_map(
    data: dict[str, str] | None = None,
    *,
    name: str = "openfero-kubequotaalmostfull-firing",
    annotations: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return a definition as the API server hands it out, with a manifest if no data is given."""
    metadata: dict[str, Any] = {"name": name, "namespace": "openfero-jobs", "uid": "1-2-3"}
    if annotations is not None:
        metadata["annotations"] = annotations
    if labels is not None:
        metadata["labels"] = labels
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"KubeQuotaAlmostFull": MANIFEST} if data is None else data,
    }

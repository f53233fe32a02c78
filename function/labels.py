"""The labels of Job and pod: what Jobs are found by, and who counts with whom.

Pure. Each is valid whatever an alert holds, because the API server refuses the whole Job for one
that is not.
"""

import re

from function.alerts import Alert, Notification
from function.episodes import alert_id, digest, episode
from function.rails import Rails

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "openfero.io/"
DEFINITION = "openfero.io/definition"
ALERT_ID = "openfero.io/alert-id"
EPISODE = "openfero.io/episode"
SUBJECT = "openfero.io/subject"
STATUS = "openfero.io/status"
GROUP_KEY = "openfero.io/group-key"
FINGERPRINT = "openfero.io/fingerprint"
RUN = "openfero.io/run"
APPROVAL = "openfero.io/approval"
REQUIRED = "required"


def labels_of(
    alert: Alert, notification: Notification, definition: str, subject: str
) -> dict[str, str]:
    """Return the labels of Job and pod, each valid whatever the alert holds."""
    labels = {
        MANAGED_BY: "openfero",
        DEFINITION: _label_value(definition),
        STATUS: alert.status,
        ALERT_ID: alert_id(alert.labels),
        EPISODE: episode(definition, alert),
        SUBJECT: subject,
        RUN: "1",
    }
    if notification.details.get("groupKey"):
        labels[GROUP_KEY] = digest(notification.details["groupKey"])
    if re.fullmatch(r"[0-9a-f]{16}", alert.fingerprint):
        labels[FINGERPRINT] = alert.fingerprint
    return labels


def _label_value(definition: str) -> str:
    if len(definition) <= 63:
        return definition
    return f"{definition[:50]}-{digest(definition)}"


def of_subject(definition: str, rails: Rails, alert: Alert) -> dict[str, str]:
    """Return what all Jobs of a definition have in common that were for an alert's subject."""
    subject = alert_id(rails.subject_of(alert.labels))
    return {DEFINITION: _label_value(definition), SUBJECT: subject}


def of_alert(definition: str, alert: Alert) -> dict[str, str]:
    """Return what all Jobs of a definition have in common that were for an alert, whenever."""
    return {DEFINITION: _label_value(definition), ALERT_ID: alert_id(alert.labels)}

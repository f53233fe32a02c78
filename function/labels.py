"""The labels of Job and pod: what Jobs are found by, and who counts with whom.

Pure. Each is valid whatever an alert holds, because the API server refuses the whole Job for one
that is not.
"""

import re

from function.alerts import Alert, Notification
from function.episodes import alert_id, digest, episode
from function.rails import OURS, Rails

MANAGED_BY = "app.kubernetes.io/managed-by"
DEFINITION = f"{OURS}definition"
ALERT_ID = f"{OURS}alert-id"
EPISODE = f"{OURS}episode"
SUBJECT = f"{OURS}subject"
STATUS = f"{OURS}status"
GROUP_KEY = f"{OURS}group-key"
FINGERPRINT = f"{OURS}fingerprint"
RESOLVED_AT = f"{OURS}resolved-at"
"""An annotation: when the alert of a Job resolved."""
RUN = f"{OURS}run"
APPROVAL = f"{OURS}approval"
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

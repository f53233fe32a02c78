"""What cases begin with: what Alertmanager really sent, what people post, and good definitions."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fuzzing.cases import ConfigMap
from fuzzing.dice import Dice
from make import MANIFEST, RECORDINGS, a_config_map, an_alert

from function.alerts import STATUSES
from function.definitions import FALLBACK_KEY, definition_name

POSTED = Path(__file__).parent.parent.parent.parent / "test"


@cache
def _texts() -> tuple[str, ...]:
    """Return each notification that is at hand, as JSON."""
    recorded = sorted(path for path in RECORDINGS.glob("*.json") if "headers" not in path.name)
    posted = [POSTED / f"{name}.json" for name in ("alerts", "legacy", "resolved")]
    return tuple(path.read_text() for path in (*recorded, *posted))


def a_notification(dice: Dice) -> dict[str, Any]:
    """Return a notification, of a few alerts."""
    found = json.loads(dice.choice(_texts()))
    found["alerts"] = found["alerts"][: dice.randint(1, 3)]
    return found


def definition(
    alertname: str,
    status: str = "firing",
    text: str = MANIFEST,
    annotations: Mapping[str, str] | None = None,
    **parts: Any,
) -> tuple[ConfigMap, ...]:
    """Return the definition of an alert, or none if no name is left of the alert's."""
    name = definition_name(an_alert(alertname, status=status))
    parts.setdefault("data", {FALLBACK_KEY: text})
    found = [a_config_map(name=name, annotations=annotations, **parts)] if name else []
    for each in found:
        each["metadata"].pop("uid")
    return tuple(found)


def definitions_of(notification: Any) -> tuple[ConfigMap, ...]:
    """Return a good definition for the first alert, as far as it is one."""
    try:
        alert = notification["alerts"][0]
        name, status = alert["labels"]["alertname"], alert["status"]
    except (LookupError, TypeError):
        return ()
    return definition(name, status) if isinstance(name, str) and status in STATUSES else ()

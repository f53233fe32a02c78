"""What is told about an alert: labels, annotations, times, whose definition is a good one."""

from typing import Any

from fuzzing.cases import ANSWERED, BROKEN, Case, ConfigMap, Request
from fuzzing.dice import Dice, text, value, written
from fuzzing.samples import definition
from make import alert_json, notification_json, rails

NAMES = ("KubeQuotaAlmostFull", "Disk Full%", "a", "node.down", "a" * 300, "Kelvin K", "../../etc")
TIMES = (
    *("2026-11-23T13:52:24.382086Z", "", "soon"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"),
    *("0001-01-01T00:00:00+23:59", "2026-11-23t13:52:24z"),
    *("2026-11-23T13:52:24.٣Z", "2026-11-23T13"),
    *("２026-11-23T13:52:24Z", "2026-11-23T13:52:24.1١Z", "2026-02-30T00:00:00Z"),
    *("\ud800", "0" * 5000),
    *("2026-11-23T13:52:24." + "1" * 20_000 + "Z", "2026-11-23T24:00:00Z", "2026-11-23T13:52:60Z"),
    *("2026-11-23T13:52:24.000+14:00", "2026-11-23T13:52:24+99:00", "2026-11-23T13:52:24.１２３Z"),
)
RAILS = (
    {},
    {},
    rails(cooldown="30m"),
    rails(rerun_after="2h", on_resolved="cancel"),
    rails(max_runs="1/24h", subject="alertname"),
    rails(mode="approve", on_resolved="cancel"),
    rails(mode="audit"),
    rails(match='severity="critical", alertname!="b"', cooldown="7d"),
)


def make(dice: Dice) -> Case:
    """Return a case with a hostile alert, which fires and perhaps resolves."""
    name = dice.choice((*NAMES, text(dice)))
    alerts = [_alert(dice, name) for _ in range(1 if dice.randrange(6) else dice.size(12))]
    if dice.once_in(6):
        alerts.append(dict(alerts[0]))
    requests = [_request(dice, alerts, "firing")]
    if dice.once_in(3):
        requests.append(_request(dice, alerts, "resolved"))
    large = sum(len(request.body) for request in requests) > 200_000
    return Case(
        tuple(requests),
        _definitions(dice, name),
        ANSWERED | {BROKEN} if large else frozenset({200}),
        is_repeated=dice.once_in(4),
        mode=dice.choice(("run", "run", "run", "approve", "audit")),
    )


def _definitions(dice: Dice, name: str) -> tuple[ConfigMap, ...]:
    """Return those of both statuses, or only of one."""
    found = definition(name, "firing", annotations=dice.choice(RAILS))
    guards = {key: said for key, said in dice.choice(RAILS).items() if "on-resolved" not in key}
    return found + (definition(name, "resolved", annotations=guards) if dice.once_in(2) else ())


def _request(dice: Dice, alerts: list[dict[str, Any]], status: str) -> Request:
    ended = {"endsAt": dice.choice(TIMES)} if status == "resolved" else {}
    details = {
        name: text(dice)
        for name in ("groupKey", "receiver", "externalURL", "notification_reason", "version")
        if dice.once_in(6)
    }
    labels = {name: _texts(dice) for name in ("groupLabels", "routeLabels") if dice.once_in(6)}
    cut = {"truncatedAlerts": dice.choice((0, 1, -1, 2**70, 10**30))} if dice.once_in(6) else {}
    told = [{**alert, "status": status, **ended} for alert in alerts]
    sent = notification_json(*told, **{**details, **labels, **cut, "status": status})
    return Request(written(sent).encode())


def _alert(dice: Dice, name: str) -> dict[str, Any]:
    alert = alert_json(labels={**_texts(dice), "alertname": name})
    if dice.once_in(2):
        alert["labels"]["severity"] = "critical"
    if dice.once_in(2):
        alert["annotations"] = _texts(dice)
    if dice.once_in(2):
        alert["startsAt"] = dice.choice((*TIMES, text(dice)))
    if dice.once_in(4):
        alert["fingerprint"] = dice.choice((text(dice), "A" * 16, "٣" * 16, "0" * 16))
    if dice.once_in(8):
        alert["annotations"] = {"runbook_url": text(dice)}
    if dice.once_in(8):
        alert["labels"][f"long{dice.randrange(9)}"] = dice.choice(
            ("a", "$", "\0", "ü", "\ud800", '"')
        ) * (dice.size(150_000))
    if dice.once_in(8):
        alert[f"x{text(dice)}"] = _finite(value(dice))
    return alert


def _texts(dice: Dice) -> dict[str, str]:
    """Return labels or annotations, now and then by the hundred."""
    count = dice.size(300) if dice.once_in(20) else dice.randrange(5)
    return {text(dice)[:2000]: text(dice) for _ in range(count)}


def _finite(found: Any) -> Any:
    """Return the value without what makes a body none of JSON."""
    return str(found).replace("\ue000", "")

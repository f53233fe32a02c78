"""Bodies that come bare: what Alertmanager sends with something wrong, and what is none of it."""

from typing import Any

from fuzzing.cases import ANSWERED, BROKEN, Case, Request
from fuzzing.dice import RAW, REFUSED, Dice, mutated, text, value, written
from fuzzing.samples import a_notification, definitions_of
from make import alert_json, notification_json

MOST = 4 * 1024 * 1024
JSON_WORDS = ('"', "{", "}", "[", "]", ",", ":", "\\", "\\u", "null", "1e9", "NaN", "\0", "\t", " ")
TEXTS = ("version", "groupKey", "status", "receiver", "externalURL", "notification_reason")
OBJECTS = ("groupLabels", "commonLabels", "commonAnnotations", "routeLabels")
OF_ALERT = ("status", "startsAt", "endsAt", "generatorURL", "fingerprint")
BAD = frozenset({400})
LARGE = frozenset({413})


def make(dice: Dice) -> Case:
    """Return a case whose body is the matter."""
    return dice.either(
        {
            _mutated: 40,
            _wrong_type: 20,
            _spoilt: 15,
            _noise: 8,
            _nested: 6,
            _refused_value: 6,
            _encoded: 3,
            _many: 2,
            _padded: 1,
        }
    )


def _posted(notification: Any, **parts: Any) -> Case:
    body = written(notification).encode()
    return Case((Request(body),), statuses=_statuses(body), **parts)


def _statuses(body: bytes) -> frozenset[int]:
    """A Job of many or long labels can be too large; only a large body can have so many."""
    return ANSWERED | {BROKEN} if len(body) > 200_000 else ANSWERED


def _mutated(dice: Dice) -> Case:
    notification = mutated(dice, a_notification(dice), dice.randint(0, 4))
    definitions = definitions_of(notification) if dice.once_in(3) else ()
    return _posted(notification, definitions=definitions, is_repeated=dice.once_in(4))


def _wrong_type(dice: Dice) -> Case:
    """A field that is known, with a value that can never be its own."""
    notification = a_notification(dice)
    alert = notification["alerts"][0]
    place, name, wrong = dice.choice(
        [
            *((notification, name, [1, True, [], {}, 1.5]) for name in TEXTS),
            *((alert, name, [1, True, [], {}, 1.5]) for name in OF_ALERT),
            *((notification, name, [1, "a", [], {"a": 1}, {"a": None}]) for name in OBJECTS),
            *(
                (alert, name, [1, "a", [], {"a": 1}, {"a": []}])
                for name in ("labels", "annotations")
            ),
            (notification, "truncatedAlerts", ["1", 1.5, True, [], {}]),
            (notification, "alerts", [None, "a", 1, {}, [1], ["a"], [None], [[]]]),
            (notification, "status", ["", "Firing", "firing ", "pending"]),
            (alert, "status", ["", "Firing", "suppressed", "resolved\n"]),
        ]
    )
    place[name] = dice.choice(wrong)
    definitions = definitions_of(notification)
    return Case((Request(written(notification).encode()),), definitions, BAD)


def _refused_value(dice: Dice) -> Case:
    """A token or a pair of keys that two readers would read differently."""
    notification = a_notification(dice)
    place = dice.choice([notification, notification["alerts"][0]])
    place["unknown"] = RAW + dice.choice(REFUSED)
    return Case((Request(written(notification).encode()),), statuses=BAD)


def _spoilt(dice: Dice) -> Case:
    """JSON as text, in which something was cut out, put in or exchanged."""
    body = bytearray(written(a_notification(dice), escaped=dice.once_in(2)).encode())
    for _ in range(dice.size(6)):
        start = dice.randrange(len(body) + 1)
        end = min(len(body), start + dice.choice((0, 0, 1, 2, dice.size(200))))
        body[start:end] = dice.choice((_word, _bytes, _nothing))(dice)
    return Case((Request(bytes(body)),))


def _word(dice: Dice) -> bytes:
    return dice.choice(JSON_WORDS).encode()


def _bytes(dice: Dice) -> bytes:
    return dice.randbytes(dice.size(8))


def _nothing(dice: Dice) -> bytes:
    return b""


def _noise(dice: Dice) -> Case:
    body = dice.choice((dice.randbytes(dice.size(5000)), written(value(dice)).encode()))
    if dice.once_in(3):
        body = "".join(dice.choice(JSON_WORDS) for _ in range(dice.size(200))).encode()
    return Case((Request(body),))


def _nested(dice: Dice) -> Case:
    """Brackets within brackets, at any place of a notification."""
    depth = dice.choice((10, 31, 32, 33, 90, 900, 2000, dice.size(100_000)))
    opening, closing = dice.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")))
    nest = opening * depth + "1" + closing * (depth if dice.randrange(4) else depth - 1)
    if dice.once_in(5):
        return Case((Request(nest.encode()),), statuses=BAD)
    notification = a_notification(dice)
    place = dice.choice([notification, notification["alerts"][0], notification["groupLabels"]])
    name = dice.choice(("unknown", "annotations", "status", "alerts"))
    place[name] = "NEST"
    # What is not known of an alert goes into its file, and so not too deep.
    is_too_deep = name == "unknown" and place is notification["alerts"][0] and depth > 40
    body = written(notification).replace('"NEST"', nest).encode()
    return Case((Request(body),), statuses=BAD if is_too_deep else ANSWERED)


def _encoded(dice: Dice) -> Case:
    encoding = dice.choice(
        ("utf-8-sig", "utf-16", "utf-32", "utf-16-be", "latin-1", "cp037", "utf-7")
    )
    body = written(notification_json(unknown="ü")).encode(encoding)
    sent = {"content-type": f"application/json; charset={encoding}"} if dice.once_in(2) else {}
    return Case((Request(body, sent),))


def _many(dice: Dice) -> Case:
    """Alerts by the hundred, and more than may come."""
    if dice.once_in(4):
        count = dice.choice((10_001, 12_000))
        body = written(notification_json(*[{"status": "firing"}] * count)).encode()
        return Case((Request(body),), statuses=LARGE)
    alerts = [alert_json(labels={"a": text(dice)}) for _ in range(dice.size(300))]
    return _posted(notification_json(*alerts))


def _padded(dice: Dice) -> Case:
    """Megabytes: in one text, in many, in labels; and one byte more than may come."""
    inner: Any = dice.choice(
        ("a" * 2_000_000, ["a"] * 300_000, {f"k{i}": i for i in range(100_000)})
    )
    notification = notification_json(alert_json(unknown=inner))
    if dice.once_in(2):
        notification = notification_json(
            alert_json(labels={"alertname": "A", "b": "c" * 3_000_000})
        )
    if dice.once_in(3):
        body = written(notification_json()).encode()
        return Case((Request(body + b" " * (MOST + 1 - len(body))),), statuses=LARGE)
    return _posted(notification)

"""CloudEvents, binary and structured: attributes that are missing, of no type, or too much."""

import base64
from typing import Any

from fuzzing.bodies import BAD
from fuzzing.cases import Case, Request
from fuzzing.dice import RAW, TOKENS, WORDS, Dice, mutated, text, value, written
from fuzzing.samples import a_notification, definitions_of
from make import BINARY_EVENT, STRUCTURED, event_json, notification_json

from function.alerts import SETTLED

REQUIRED = ("id", "source", "type", "specversion")
TIMES = (
    *("2026-11-20T08:45:00Z", "", "now", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "1"),
    *("2026-11-20", "9999-12-31T23:59:60Z"),
    *("2026-11-20T08:45:00+99:99", "\u0662026-01-01T00:00:00Z"),
    *("2026-11-20T08:45:00." + "1" * 5000 + "Z", "-2026-11-20T08:45:00Z", "2026-11-20 08:45:00"),
)
OPTIONAL = ("time", "datacontenttype", "dataschema", "subject", "extension", "data_base64", "data")


def make(dice: Dice) -> Case:
    """Return a case that comes as a CloudEvent."""
    return dice.either(
        {_binary: 4, _structured: 6, _base64: 3, _lacking: 2, _settled: 1, _batch: 1, _good: 2}
    )


def _latin(found: str) -> str:
    sent = found.encode("utf-8", "replace").decode("latin-1")
    return sent.replace("\r", " ").replace("\n", " ")


def _binary(dice: Dice) -> Case:
    headers = dict(BINARY_EVENT)
    for name in dice.sample((*REQUIRED, *OPTIONAL), dice.randrange(3)):
        headers[f"ce-{name}"] = _latin(dice.choice((text(dice), *TIMES, *WORDS)))
    if dice.once_in(3):
        headers[_latin(f"ce-{text(dice)}").lower()] = _latin(text(dice))
    if dice.once_in(4):
        headers.pop(dice.choice([*headers]))
    notification = mutated(dice, a_notification(dice), dice.randrange(2))
    return Case((Request(written(notification).encode(), headers),))


def _structured(dice: Dice) -> Case:
    event = event_json(data=a_notification(dice))
    if dice.once_in(2):
        event["time"] = dice.choice((*TIMES, value(dice)))
    for name in dice.sample((*REQUIRED, *OPTIONAL), dice.randrange(3)):
        event[name] = dice.choice(
            (value(dice), text(dice), {}, [], 1, None, RAW + dice.choice(TOKENS))
        )
    body = written(mutated(dice, event, dice.randrange(3))).encode()
    return Case((Request(body if dice.randrange(20) else body[: dice.size(200)], STRUCTURED),))


def _base64(dice: Dice) -> Case:
    """The data in base64: good, broken, and of what is no JSON."""
    event = event_json()
    del event["data"]
    good = base64.b64encode(written(notification_json()).encode()).decode()
    bad: tuple[Any, ...] = (
        *(good[:-3], good + "a", "\n" + good, good.replace("I", "\u0406"), "=", "a"),
        *(1, True, [], {}, [good], "\ud800", "\0", ""),
        *(base64.b64encode(b"\xff\xfe").decode(), "-_"),
        *(base64.b64encode(good.encode()).decode(), base64.b64encode(b"[" * 100_000).decode()),
    )
    is_good = dice.once_in(4)
    event["data_base64"] = good if is_good else dice.choice(bad)
    statuses = frozenset({200}) if is_good else BAD
    return Case((Request(written(event).encode(), STRUCTURED),), statuses=statuses)


def _lacking(dice: Dice) -> Case:
    """An event without one of what each must have, or with none of its type."""
    name = dice.choice(REQUIRED)
    if dice.once_in(2):
        headers = {key: text for key, text in BINARY_EVENT.items() if key != f"ce-{name}"}
        return Case((Request(written(notification_json()).encode(), headers),), statuses=BAD)
    event = event_json(**{name: dice.choice((None, "", 1, [], {}, False))})
    if dice.once_in(3):
        del event[name]
    return Case((Request(written(event).encode(), STRUCTURED),), statuses=BAD)


def _settled(dice: Dice) -> Case:
    """What the function itself once answered: whatever it holds, it is taken and no more."""
    data = dice.choice(({"counts": {}}, a_notification(dice), None, [], "a"))
    statuses = frozenset({202})
    if dice.once_in(2):
        headers = {**BINARY_EVENT, "ce-type": SETTLED}
        return Case((Request(written(data).encode(), headers),), statuses=statuses)
    event = event_json(type=SETTLED, data=data)
    return Case((Request(written(event).encode(), STRUCTURED),), statuses=statuses)


def _batch(dice: Dice) -> Case:
    """More than one at once, or what is only said to be that."""
    held = dice.choice(([event_json()] * dice.randrange(3), event_json(), notification_json()))
    body = written(held).encode()
    name = dice.choice(
        ("application/cloudevents-batch+json", "Application/CloudEvents-Batch+JSON; a")
    )
    return Case((Request(body, {"content-type": name}),), statuses=BAD)


def _good(dice: Dice) -> Case:
    """An event with nothing wrong, whose alert has its definition."""
    notification = a_notification(dice)
    body, headers = written(notification).encode(), dict(BINARY_EVENT)
    if dice.once_in(2):
        body, headers = written(event_json(data=notification)).encode(), dict(STRUCTURED)
    return Case(
        (Request(body, headers),),
        definitions_of(notification),
        frozenset({200}),
        is_repeated=dice.once_in(2),
    )

"""Definitions around the manifest: guard rails, labels, keys; what cannot be meant must be broken."""

import re
from typing import Any

from fuzzing.cases import BROKEN, Case, Request
from fuzzing.dice import Dice, text, written
from fuzzing.samples import definition
from make import MANIFEST, notification_json

OURS = "openfero.io/"
BAD_TIMES = (
    *("", " ", "0", "0s", "-1s", "+1s", "1", "s", "1x", "1 h", "1h 30m", "30m1h", "1h1h"),
    *("1.5h", "1e3s"),
    *("٣٠m", "３０m", "²h", "1h\0", "1h\u2003", "1\u0661m", "8d", "1y", "2w", "7d1ms", "168h1s"),
    *("1H", "1M"),
    *("9" * 12 + "s", "9" * 13 + "s", "9" * 400 + "d", "9" * 5000 + "y", "0x1h", "1h;", "1h,"),
    *("∞", "inf"),
    *("1ms1s", "1_0m", "1h\n2m", "P1D", "PT1H", "nan", "1hh", "00:30", "{{1h}}"),
)
BAD_RUNS = (
    *("", "/", "3", "3/", "/24h", "0/24h", "-1/24h", "+1/24h", "3/0s", "3/8d", "3//24h"),
    *("3/24h/1h", "a/1h"),
    *("٣/24h", "３/24h", "3/٢h", "1000000/1h", "9" * 5000 + "/1h", "3.0/1h", "1e1/1h"),
    *(" 3 / 24h", "3/ 24h"),
    *("03/24h", "3\0/24h", "3/24h\u2003", "0x3/24h", "\u0663/\u0661d"),
)
BAD_MODES = (
    "",
    "Run",
    "RUN",
    "runs",
    "approve,audit",
    "aud\u0131t",
    "run\0",
    "true",
    "run\u2003",
    "off",
)
BAD_MATCHES = (
    *('a="' + "b" * 5000, 'a="' + '\\"' * 5000, "a" * 5000, "a=b," * 5000, "{" + " " * 5000),
    *("", "{}", "a", "a=", "=b", 'a=~"b"', 'a!~"b"', 'a="b', 'a="b"c', "a='b'"),
    *('a="b",,c="d"', "a=b=c"),
    *("٣=b", "1a=b", "ü=b", 'a="\\x"', 'a="b"\u2003', "{a=b", "a=b}", "a==b", "a=b;c=d"),
    *('a="b\nc"', "a`=b"),
)
BAD_SUBJECTS = (
    "",
    ",",
    "alertname,",
    ",alertname",
    "alertname,,a",
    " , ",
    "nosuch",
    "alertname, nosuch",
)
BAD_ENDINGS = ("", "Cancel", "cancel,", "delete", "true", "c\u0430ncel", "cancel\u2003", "cancel\0")
BAD = {
    "cooldown": BAD_TIMES,
    "rerun-after": BAD_TIMES,
    "max-runs": BAD_RUNS,
    "mode": BAD_MODES,
    "match": BAD_MATCHES,
    "subject": BAD_SUBJECTS,
    "on-resolved": BAD_ENDINGS,
}
UNKNOWN = (
    "cool-down",
    "Cooldown",
    "max_runs",
    "maxruns",
    "on-resolve",
    "episode",
    "alert",
    "x",
    "runs",
)
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
NAME = "KubeQuotaAlmostFull"


def make(dice: Dice) -> Case:
    """Return a case with a good manifest, and something else around it."""
    return dice.either({_bad: 8, _good: 8, _any: 6, _unknown: 2, _label: 2, _data: 3, _large: 1})


def _defined(
    dice: Dice, annotations: dict[str, str], statuses: set[int], says: str = "", **parts: Any
) -> Case:
    """Return the case of an alert, notified once or twice, with a definition like that."""
    body = written(notification_json()).encode()
    found = definition(NAME, annotations=annotations, **parts)
    requests = (Request(body),) * dice.choice((1, 1, 2))
    mode = dice.choice(("run", "run", "approve", "audit"))
    return Case(requests, found, frozenset(statuses), says, is_repeated=dice.once_in(4), mode=mode)


def _bad(dice: Dice) -> Case:
    """One guard rail that cannot be meant, perhaps beside good ones."""
    name = dice.choice([*BAD])
    said = dice.choice(BAD[name])
    # A match that does not hold is looked at before the labels of a subject are.
    beside = _some(dice) if name != "subject" and dice.once_in(2) else {}
    return _defined(dice, {**beside, OURS + name: said}, {BROKEN}, f"annotation {OURS}{name}")


def _good(dice: Dice) -> Case:
    """Guard rails as they are meant to be, at the edges of what they may be."""
    return _defined(dice, _some(dice), {200})


def _some(dice: Dice) -> dict[str, str]:
    texts = {
        "cooldown": _time(dice),
        "rerun-after": _time(dice),
        "max-runs": f"{dice.choice((1, 2, 999_999))}/{_time(dice)}",
        "mode": dice.choice(("run", "approve", "audit", " run\t")),
        "match": dice.choice(
            ('alertname="KubeQuotaAlmostFull"', "{alertname!=a}", 'a=""', 'a = "\\n" , b=c')
        ),
        "subject": dice.choice(("alertname", " alertname ,\talertname")),
        "on-resolved": "cancel",
    }
    return {OURS + name: texts[name] for name in dice.sample([*texts], dice.randint(1, 4))}


def _time(dice: Dice) -> str:
    """Return a duration that is long enough to be one, and short enough to be kept."""
    if dice.once_in(4):
        return dice.choice(
            ("7d", "1w", "1ms", "168h", "604800s", "6d23h59m59s999ms", "000000000001s")
        )
    parts = {unit: dice.randrange(1, 50) for unit in ("h", "m", "s", "ms") if dice.once_in(2)}
    return "".join(f"{count}{unit}" for unit, count in parts.items()) or "1s"


def _any(dice: Dice) -> Case:
    """Any text as a guard rail, and any annotation of somebody else's."""
    annotations = {
        OURS + name: _legal(
            dice.choice((text(dice), dice.choice(BAD[name]) + text(dice), _time(dice)))
        )
        for name in dice.sample([*BAD], dice.randint(1, 3))
    }
    if dice.once_in(3):
        annotations = {"example.com/a": _legal(text(dice)), **annotations}
    if dice.once_in(3):
        annotations[OURS + "alertname"] = _legal(dice.choice((NAME, text(dice))))
    return _defined(dice, annotations, {200, BROKEN})


def _legal(found: str) -> str:
    """Return a text as a ConfigMap can hold it: no half of a surrogate pair, and not too long."""
    return found[:30_000].encode("utf-8", "replace").decode()


def _unknown(dice: Dice) -> Case:
    """What begins like ours and is not: a slip of the pen."""
    name = OURS + dice.choice(UNKNOWN)
    if dice.once_in(3):
        return _defined(dice, {}, {BROKEN}, f"label {name}", labels={name: "a"})
    return _defined(dice, {name: _legal(text(dice))}, {BROKEN}, f"annotation {name}")


def _label(dice: Dice) -> Case:
    """The switch, and what is not quite it."""
    value = dice.choice(("true", "false", "", "True", "TRUE", "yes", "1", "0", "off", text(dice)))
    value = value if LABEL.fullmatch(value) else "no"
    if dice.once_in(4):
        return _defined(dice, {"openfero/job-disabled": "true"}, {BROKEN}, "must be a label")
    says = "" if value in ("true", "false") else "must be true or false"
    statuses = {BROKEN} if says else {200}
    return _defined(dice, {}, statuses, says, labels={"openfero/job-disabled": value})


def _data(dice: Dice) -> Case:
    """Keys of which one, another or none is meant."""
    keys = dice.sample(
        (NAME, "job.yaml", NAME.lower(), "job.yml", "a", "-", "_", "a" * 253), dice.randrange(4)
    )
    data = dict.fromkeys(keys, MANIFEST)
    if dice.once_in(4):
        data = dict.fromkeys(
            keys, dice.choice(("", " ", "a", "[]", "1", "null", "---", "{}", "''"))
        )
        return _defined(dice, {}, {BROKEN}, data=data)
    if NAME in keys or "job.yaml" in keys:
        return _defined(dice, {}, {200}, data=data)
    return _defined(dice, {}, {BROKEN}, "keys found", data=data)


def _large(dice: Dice) -> Case:
    """As much as annotations may have together."""
    piece = dice.choice(('a="b",', "a,", "1h", " ", "9", "{", "\\", '"', "a=b,", "a", "3/", "ü"))
    long = piece * (200_000 // len(piece.encode()))
    return _defined(dice, {OURS + dice.choice([*BAD]): long}, {200, BROKEN})

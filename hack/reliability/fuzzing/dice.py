"""Chance that can be repeated, and the texts and values that it makes."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# What some reader somewhere takes for more than text.
WORDS = (
    *("", " ", "a", "-", ".", "_", "/", "..", "../../etc", "%00", "%2f", "~", "null"),
    *("true", "yes"),
    *("\0", "a\0b", "\n", "\r\n", "\t", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e"),
    *(
        "\ud800",
        "\udfff",
        "a\ud800b",
        "\udc00\ud800",
        "🔥",
        "ü",
        "é",
        "İ",
        "K",
        "ß",
        "ﬀ",
        "٣",
        "１",
    ),
    *("$", "$$", "$(PATH)", "$(OPENFERO_ALERT_FILE)", "${HOME}", "`id`", "$(id)", "'; id #", '"'),
    *("{{ .Labels }}", "*a", "&a", "!!int 1", "<<", "a: b", "- a", "{", "[", "|", ">"),
    *("\\", "\\u0000"),
    *("0", "-1", "1e999", "0x7f", "9" * 400, "2026-01-01", "NaN"),
    *("alertname", "openfero.io/episode"),
    *("OPENFERO_ALERT_STATUS", "OPENFERO_DEFINITION", "firing", "resolved", "a" * 63, "a" * 254),
)
NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1.5, -0.0, 1e308, 5e-324)
# Tokens that json.dumps does not write; each stands for itself behind this character.
RAW = "\ue000"
KEPT = ("-0", '"\\ud800"', "0." + "1" * 5000, "9" * 4300, "1e308", '{"a":1,"b":2}')
REFUSED = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "-" + "9" * 4301, "1E400"),
    *("01", "+1", ".5", "1.", "0x10", "1e", "tru", "'a'", '"\\x"', '"\t"', "", "[]]", "/**/1"),
    *("1" + "0" * 400 + ".5", '{"a":1,"a":2}', "[1,]", "--1", "\ufeff1", "١", "1_0", "True"),
)
TOKENS = (*KEPT, *REFUSED)


class Dice(random.Random):
    """The same text as seed gives the same throws."""

    def once_in(self, count: int) -> bool:
        """Say yes in one of so many throws."""
        return self.randrange(count) == 0

    def either(self, makers: dict[Callable[..., T], int], *given: Any) -> T:
        """Return what one of the makers makes, each as often as its weight says."""
        [maker] = self.choices([*makers], [*makers.values()])
        return maker(self, *given)

    def size(self, most: int) -> int:
        """Return a number up to `most`, mostly a small one."""
        return int(most ** self.random())


def text(dice: Dice) -> str:
    """Return a hostile text, now and then a long one."""
    return dice.either({_word: 5, _characters: 3, _joined: 3, _long: 1})


def _word(dice: Dice) -> str:
    return dice.choice(WORDS)


def _characters(dice: Dice) -> str:
    top = dice.choice((0x20, 0x7F, 0x100, 0xFFFF, 0x110000))
    return "".join(chr(dice.randrange(top)) for _ in range(dice.size(30)))


def _joined(dice: Dice) -> str:
    return "".join(dice.choice(WORDS) for _ in range(dice.randint(2, 4)))


def _long(dice: Dice) -> str:
    return (_word(dice) or "a") * dice.size(3000)


def value(dice: Dice, depth: int = 3) -> Any:
    """Return any JSON value, tokens that no JSON has among them."""
    if depth and dice.once_in(3):
        return dice.either({_list: 2, _object: 3}, depth - 1)
    return dice.either({text: 5, _scalar: 4, _token: 1})


def _scalar(dice: Dice) -> Any:
    return dice.choice((None, True, False, *NUMBERS))


def _token(dice: Dice) -> str:
    return RAW + dice.choice(TOKENS)


def _list(dice: Dice, depth: int) -> list[Any]:
    return [value(dice, depth) for _ in range(dice.randrange(4))]


def _object(dice: Dice, depth: int) -> dict[str, Any]:
    return {text(dice): value(dice, depth) for _ in range(dice.randrange(4))}


def written(found: Any, escaped: bool = True) -> str:
    """Return a value as JSON, with its tokens as they stand."""
    line = json.dumps(found, ensure_ascii=escaped)
    mark = json.dumps(RAW, ensure_ascii=escaped)[1:-1]
    if mark not in line:
        return line
    for token in TOKENS:
        inner = json.dumps(RAW + token, ensure_ascii=escaped)
        line = line.replace(inner, token)
    return line


def mutated(dice: Dice, found: Any, times: int) -> Any:
    """Return a JSON value in which so many places were changed; the given one stays as it is."""
    copied = json.loads(json.dumps(found))
    for _ in range(times):
        copied = _changed(dice, copied)
    return copied


def _changed(dice: Dice, root: Any) -> Any:
    """Change one place, deep or not; in place but for the root."""
    parent, key = _place(dice, root)
    if parent is None:
        return value(dice)
    act = dice.randrange(6)
    if act == 0:
        del parent[key]
    elif act == 1 and isinstance(parent, dict):
        parent[text(dice)] = parent.pop(key)
    elif act == 2 and isinstance(parent, dict):
        parent[text(dice)] = value(dice)
    elif act == 3 and isinstance(parent, list):
        parent.extend([parent[key]] * dice.size(20))
    else:
        parent[key] = value(dice)
    return root


def _place(dice: Dice, root: Any) -> tuple[Any, Any]:
    """Return a container within the value and a key of it; None where the walk ends at once."""
    parent, key, here = None, None, root
    while isinstance(here, (dict, list)) and here and not (parent is not None and dice.once_in(4)):
        keys: Sequence[Any] = [*here] if isinstance(here, dict) else range(len(here))
        parent, key = here, dice.choice(keys)
        here = parent[key]
    return parent, key

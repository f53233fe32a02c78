"""Where a field that is not known was meant to stand, by the API's own table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files

from function.tools.documents import Path
from function.tools.lint.containers import written

ITEM = "[]"
"""Any item of a list, in the path of a place."""

# Farther away, or less alike, it is a guess that would mislead.
_FARTHEST = 4
_ALIKE = 0.8
_MISSPELT = 1.5
"""How many steps away a field of that very name may be, and is still the likelier one."""

# Not an author's to write.
_NOT_WRITTEN = frozenset(
    {"status", "managedFields", "ownerReferences", "ephemeralContainers", "selector"}
)
_RESOURCES = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True)
class Intended:
    """The likely place of a field, and whether its name is as it was written."""

    path: Path
    is_same_name: bool

    def __str__(self) -> str:
        return written(self.path).replace(f".{ITEM}", ITEM)


def why_unknown(path: Path, text: str, root: str = "Job") -> tuple[bool, str]:
    """Return what is to be said of a field that is not known, and whether it stands elsewhere."""
    meant = intended(path, root)
    if meant and meant.is_same_name:
        return True, f"{text} is no field; it belongs in {meant}"
    return False, f"{text} is no field" + (f"; did you mean {meant}?" if meant else "")


def intended(path: Path, root: str = "Job") -> Intended | None:
    """Return the closest place where the unknown field at a path of such an object could stand."""
    *parents, name = path
    parent = tuple(ITEM if isinstance(step, int) else step for step in parents)
    ranked = [
        (cost, place)
        for place in _places(root)
        if (cost := _cost(str(name), parent, place)) is not None
    ]
    if not ranked:
        return None
    _, place = min(ranked, key=lambda each: (each[0], "containers" not in each[1], each[1]))
    common = _common(parent, place)
    return Intended((*path[:common], *place[common:]), place[-1] == name)


def _cost(name: str, parent: Path, place: Path) -> float | None:
    if name == "activeDeadlineSeconds" and place != ("spec", name):
        return None  # a pod may have one too, but that is another thing
    apart = _steps(parent, place[:-1])
    alike = _alike(name, str(place[-1])) if apart <= _FARTHEST else 0
    if alike < _ALIKE:
        return None
    return apart if name == place[-1] else apart + _MISSPELT + 1 - alike


def _alike(name: str, other: str) -> float:
    return SequenceMatcher(None, name.lower(), other.lower()).ratio()


def _steps(one: Path, other: Path) -> int:
    """Return how many levels lie between two places; a list and its items are one."""
    common = _common(one, other)
    return sum(step != ITEM for step in (*one[common:], *other[common:]))


def _common(one: Path, other: Path) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


@cache
def _places(root: str) -> tuple[Path, ...]:
    table = json.loads(files("function.local").joinpath("fields.json").read_text("utf-8"))
    return tuple(_below((), root, table, ()))


def _below(
    path: Path, type_: str, table: dict[str, dict[str, str]], above: tuple[str, ...]
) -> Iterator[Path]:
    if type_ == "map[string]Quantity":
        yield from ((*path, name) for name in _RESOURCES)
    if type_.startswith("[]"):
        path, type_ = (*path, ITEM), type_.removeprefix("[]")
    if type_ in above:
        return
    for name, inner in table.get(type_, {}).items():
        if name not in _NOT_WRITTEN:
            yield (*path, name)
            yield from _below((*path, name), inner, table, (*above, type_))

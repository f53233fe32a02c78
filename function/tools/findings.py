"""What is wrong, and where: values that every rule returns and every form of output takes."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """Where a value stands: a file, `-` or `configmap/NAME`, and a line of it, from 1."""

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong: where, its code, and for people what and what instead."""

    place: Place
    code: str
    message: str


class Unusable(Exception):
    """What was asked for cannot be done as it was asked: exit code 2, with this text."""


def check_text(what: str, text: str) -> None:
    """Refuse what was typed, if it is bytes that are no UTF-8, as every label is; raises Unusable."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise Unusable(f"{what} {text!r} is not UTF-8, as every label is") from exc

"""Quantities such as 100m, 64Mi and 1e3: whether one can be read, and how much it is. Pure."""

import re
from fractions import Fraction

_WRITTEN = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)")
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]*")
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
# Beyond it all are the largest there is, and nobody waits for the sum.
_MOST_DIGITS = 30

_NO_QUANTITY = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def why_not_quantity(text: str) -> str:
    """Why a text is no quantity, in the API server's words; empty if it is one."""
    match = _WRITTEN.fullmatch(text)
    if not match or not _NUMBER.fullmatch(match[1]):
        return _NO_QUANTITY
    suffix = match[2]
    if suffix in _DECIMAL or suffix in _BINARY or _EXPONENT.fullmatch(suffix):
        return ""
    return "unable to parse quantity's suffix"


def amount(text: str) -> Fraction:
    """How much a quantity is; it must be one."""
    match = _WRITTEN.fullmatch(text)
    assert match, text
    digits = match[1] if re.search(r"[0-9]", match[1]) else "0"
    return Fraction(digits.rstrip(".") if digits.endswith(".") else digits) * _unit(match[2])


def _unit(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(1024 ** _BINARY[suffix])
    exponent = _EXPONENT.fullmatch(suffix)
    power = int(exponent[1][: _MOST_DIGITS // 10 + 1]) if exponent else _DECIMAL[suffix]
    return Fraction(10) ** max(-_MOST_DIGITS, min(_MOST_DIGITS, power))

"""Standard input, which a command may be given under the name `-`."""

import sys

from function.tools.findings import Unusable

STDIN = "-"


def read_stdin() -> bytes:
    """Return all of it; raises Unusable if whoever started the command has closed it."""
    if sys.stdin is None:
        raise Unusable(f"cannot read {STDIN}: standard input is closed")
    return sys.stdin.buffer.read()

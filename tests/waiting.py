"""Waiting for what nobody announces: a server that listens, a controller that has acted."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Ask again and again until the condition holds; fail with `what` when time is up."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)

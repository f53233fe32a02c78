"""OpenFero as a Knative function: self-healing for Kubernetes.

An alert arrives, its job definition is found in a ConfigMap, and the Job that
repairs it is created. `func.py` is the door for kn func, `main.py` the one for
functions-framework; behind both lies one core, and `docs/development.md` shows
which module may import which.
"""

import gc
from typing import Any

__version__ = "0.1.0"


def new() -> Any:
    """Return the instance that func-python serves; raises SystemExit for bad settings."""
    # While modules are loaded much is made, and nearly no cycles: to look for them as often
    # as Python does takes a tenth of a cold start. In the image gunicorn.conf.py says it.
    gc.set_threshold(50_000)
    # Not at the top: the other door and the tools import this package as well, and
    # should not pay for asyncio at each cold start.
    from function.func import Function

    return Function()

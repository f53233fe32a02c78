"""The command `openfero`, as people type it, and what it needs to know of nobody's cluster."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

PROGRAM = Path(sys.executable).with_name("openfero")

Ran = subprocess.CompletedProcess[str]


def openfero(*words: object, stdin: str = "", cwd: Path | None = None, **environ: str) -> Ran:
    """Run it in an environment with nothing in it, but a home that does not exist."""
    return subprocess.run(
        [PROGRAM, *map(str, words)],
        input=stdin,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def documents(ran: Ran) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(ran.stdout))

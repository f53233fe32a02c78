"""The command `openfero`, as people type it, and what it needs to know of nobody's cluster."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from function.tools.command import openfero as command

PROGRAM = Path(sys.executable).with_name("openfero")

Ran = subprocess.CompletedProcess[str]


def openfero(*words: object, stdin: str = "", cwd: Path | None = None, **environ: str) -> Ran:
    """Run it within this process, in an environment with nothing in it, but a home that is not there."""
    arguments = [str(word) for word in words]
    nothing = dict.fromkeys(os.environ)
    given = {"PATH": os.environ["PATH"], "HOME": "/nowhere", **environ}
    with contextlib.chdir(cwd or os.getcwd()):
        ran = CliRunner(catch_exceptions=False).invoke(
            command, arguments, stdin, nothing | given, prog_name="openfero"
        )
    return Ran(arguments, ran.exit_code, ran.stdout, ran.stderr)


def in_a_shell(line: str, cwd: Path) -> Ran:
    """Run a line of shell, in which `openfero` is the process that people start."""
    return subprocess.run(
        ["sh", "-c", line],
        env={"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "HOME": "/nowhere"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


def documents(ran: Ran) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(ran.stdout))

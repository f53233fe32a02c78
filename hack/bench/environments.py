"""The environments to measure in: each an interpreter that holds one of the two servers."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

FUNC = "func-python"
FRAMEWORK = "functions-framework"

QUESTION = """
import importlib.metadata as m, json, platform, sys, sysconfig
versions = {}
for name in "func-python", "functions-framework", "gunicorn", "kubernetes", "urllib3", "cloudevents", "PyYAML":
    try:
        versions[name] = m.version(name)
    except m.PackageNotFoundError:
        pass
print(json.dumps([platform.python_version(), sysconfig.get_path("stdlib"), versions]))
"""


@dataclass(frozen=True)
class Environment:
    """An interpreter with a server, and whether it loads modules when they are used."""

    python: Path
    door: str
    version: str
    library: Path
    packages: tuple[tuple[str, str], ...]
    lazy: bool = False

    @property
    def label(self) -> str:
        """Say what it is in a table."""
        minor = ".".join(self.version.split(".")[:2])
        return f"{self.door}, {minor}{' lazy' if self.lazy else ''}"

    @property
    def is_new(self) -> bool:
        """Whether this Python has lazy imports."""
        return tuple(map(int, self.version.split(".")[:2])) >= (3, 15)


def find(pythons: Iterable[Path]) -> list[Environment]:
    """Return what is to be measured with these interpreters: the newest first, lazy and not."""
    found = [each for python in pythons for each in _both(_look(python))]
    return sorted(found, key=lambda each: (each.version, each.lazy, each.door), reverse=True)


def _both(environment: Environment) -> Iterator[Environment]:
    yield environment
    if environment.is_new:
        yield replace(environment, lazy=True)


def _look(python: Path) -> Environment:
    asked = [python, "-c", QUESTION]
    answer = subprocess.run(asked, check=True, capture_output=True, text=True, cwd="/").stdout
    version, library, packages = json.loads(answer)
    [door] = [name for name in (FUNC, FRAMEWORK) if name in packages]
    return Environment(python.absolute(), door, version, Path(library), tuple(packages.items()))


def marks(environments: Iterable[Environment]) -> list[Environment]:
    """Return for each door the environment that the goals are for: 3.15 lazy, if it is there."""
    best: dict[str, Environment] = {}
    for each in environments:
        best.setdefault(each.door, each)
    return list(best.values())

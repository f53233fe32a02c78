"""docs/performance.json: each part of it from one run, with the machine and the versions."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import components
import machine
from environments import Environment
from records import Records

Data = dict[str, Any]
ON_KUBERNETES = ("real", "growth")
"""The parts that ask a real API server; the others need none."""


def read(path: Path) -> Data:
    """Return what was measured so far, by part."""
    found: Data = json.loads(path.read_text()) if path.exists() else {}
    return found


def keep(path: Path, case: str, environments: list[Environment], records: Records) -> None:
    """Put the rows of a part in the place of those of an earlier run."""
    found = read(path)
    found[case] = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine.describe(),
        "kubernetes": dict(components.kubernetes()) if case in ON_KUBERNETES else {},
        "environments": {
            each.label: {"Python": each.version, **dict(each.packages)} for each in environments
        },
        "rows": list(records.as_json()),
    }
    path.write_text(_write(found))


def _write(found: Data) -> str:
    """Return it as JSON with a line for each row of values, so that a change can be read."""
    parts = []
    for case, part in found.items():
        rows = ",\n".join(f"    {json.dumps(row)}" for row in part["rows"])
        head = ",\n".join(
            f"   {json.dumps(name)}: {json.dumps(part[name])}" for name in part if name != "rows"
        )
        parts.append(f'  {json.dumps(case)}: {{\n{head},\n   "rows": [\n{rows}\n   ]\n  }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"

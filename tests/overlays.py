"""Kustomizations such as users write: the base, and what is added to it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from kubectl import BASE, OF_THIS_ENVIRONMENT, documents

COMPONENTS = sorted(path.name for path in (BASE / "components").iterdir())


def with_components(*names: str) -> str:
    """Return a kustomization of the base with these components."""
    components = [f"../knative/components/{name}" for name in names]
    return json.dumps({"resources": ["../knative"], "components": components})


def as_told(component: str) -> str:
    """Return the kustomization in the comment of a component, patches and all."""
    lines = (BASE / "components" / component / "kustomization.yaml").read_text().splitlines()
    return "\n".join(line.removeprefix("#   ") for line in lines if line.startswith("#   "))


def write_overlay(folder: Path, kustomization: str, base: Path = BASE) -> Path:
    """Write it, as one for the folder beside the base; return its folder."""
    folder = folder.resolve()
    text = kustomization.replace("../knative", os.path.relpath(base.resolve(), folder))
    (folder / "kustomization.yaml").write_text(text)
    return folder


def build(folder: Path, kustomization: str, base: Path = BASE) -> list[dict[str, Any]]:
    """Write it, and return what kustomize makes of it."""
    command = [OF_THIS_ENVIRONMENT, "kustomize", write_overlay(folder, kustomization, base)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    return documents(built.stdout)

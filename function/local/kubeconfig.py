"""The file that tells kubectl and the function where the embedded API is."""

import base64
import json
import os
from pathlib import Path
from typing import Any


def build_kubeconfig(
    url: str, namespace: str, token: str | None = None, authority: bytes | None = None
) -> dict[str, Any]:
    """A kubeconfig with one context; `authority` is the certificate, in PEM, to trust."""
    name = "openfero-local"
    cluster: dict[str, Any] = {"server": url}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    context = {"cluster": name, "namespace": namespace, "user": name}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
        "users": [{"name": name, "user": {"token": token} if token else {}}],
    }


def write_kubeconfig(path: Path, config: dict[str, Any]) -> None:
    """Write it as JSON, which is YAML, readable by its owner alone: it may hold a token."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)

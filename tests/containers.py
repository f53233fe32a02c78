"""The container of a Job as a process of this machine: its script, its variables, its account."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import control_plane
import pytest
from kubectl import Ran

TOOLS = ("awk", "cut", "date", "grep", "head", "sed", "sort", "tail", "tr", "uniq")
"""What a script may call beside sh and kubectl: Alpine has each, and so has this machine."""

SHELL = "STARTER_SHELL"
"""The variable of the tests' environment that says what runs the scripts: dash, or busybox."""

MEANWHILE = """\
#!/bin/sh
if [ "$1" = {verb} ] && [ ! -e {once} ]; then
  : > {once}
  KUBECONFIG={admin} {kubectl} {command} >&2 || exit 99
fi
exec {kubectl} "$@"
"""


@dataclass(frozen=True)
class Meanwhile:
    """What an admin types just before the script's first `kubectl VERB`."""

    verb: str
    command: tuple[str, ...]
    admin: Path


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME) where there is such a variable, and $$ by $, as Kubernetes does."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[1] is None else variables.get(found[1], found[0])

    return re.sub(r"\$(?:\$|\(([^)]*)\))", value, text)


def variables(container: dict[str, Any]) -> dict[str, str]:
    """The variables as the container sees them: each may name those before it."""
    values: dict[str, str] = {}
    for each in container.get("env", []):
        values[each["name"]] = expand(each.get("value", ""), values)
    return values


def run(
    job: dict[str, Any], kubeconfig: Path, folder: Path, meanwhile: Meanwhile | None = None
) -> Ran:
    """Run the one container of a Job, as the account of the kubeconfig.

    What it may write to are its emptyDirs, which lie in the folder; it fails if the script
    writes where the container cannot.
    """
    pod = job["spec"]["template"]["spec"]
    assert not pod.get("initContainers"), "one container is run, and no other"
    [container] = pod["containers"]
    root = folder / "root"
    root.mkdir(parents=True)
    told = variables(container)
    command = [expand(word, told) for key in ("command", "args") for word in container.get(key, [])]
    environ = {
        "HOME": str(root),
        **told,
        "PATH": str(_tools(folder, meanwhile)),
        "KUBECONFIG": str(kubeconfig),
        "OPENFERO_ALERT_FILE": str(_alert_file(job, folder)),
        **dict(_writable(container, told, pod, folder)),
    }
    # Looked up in the PATH of the container, not of this process.
    command[0] = str(shutil.which(command[0], path=environ["PATH"]))
    ran = subprocess.run(
        command, cwd=root, env=environ, capture_output=True, text=True, timeout=120
    )
    written = [str(path.relative_to(root)) for path in root.rglob("*")]
    assert not written, f"its root file system is read-only, and it writes {written}: {ran}"
    return ran


def _alert_file(job: dict[str, Any], folder: Path) -> Path:
    path = folder / "alert.json"
    path.write_text(job["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"])
    return path


def _writable(
    container: dict[str, Any], told: Mapping[str, str], pod: dict[str, Any], folder: Path
) -> Iterator[tuple[str, str]]:
    """Make a folder of each emptyDir; yield the variables that lead there, and TMPDIR."""
    empty = {each["name"] for each in pod.get("volumes", []) if "emptyDir" in each}
    for mount in container.get("volumeMounts", []):
        if mount["name"] in empty:
            place = folder / mount["name"]
            place.mkdir()
            yield "TMPDIR", str(place)
            yield from ((name, str(place)) for name in told if told[name] == mount["mountPath"])


def _tools(folder: Path, meanwhile: Meanwhile | None) -> Path:
    """Make the folder that is the PATH: what the image is documented to have, and no more."""
    place = folder / "bin"
    place.mkdir()
    for name, program in _programs().items():
        (place / name).symlink_to(program)
    kubectl = control_plane.binaries() / "kubectl"
    if meanwhile:
        (place / "kubectl").write_text(_interrupted(meanwhile, kubectl, folder))
        (place / "kubectl").chmod(0o755)
    else:
        (place / "kubectl").symlink_to(kubectl)
    return place


def _programs() -> dict[str, str]:
    """What is behind `sh` and each tool: dash and this machine's, or busybox, as in the image."""
    name = os.environ.get(SHELL, "dash")
    shell = shutil.which(name)
    if not shell:
        pytest.skip(f"needs {name} to run the scripts: apt-get install {name}")
    if name == "busybox":
        return dict.fromkeys(("sh", *TOOLS), shell)
    return {"sh": shell, **{tool: str(shutil.which(tool)) for tool in TOOLS}}


def _interrupted(meanwhile: Meanwhile, kubectl: Path, folder: Path) -> str:
    return MEANWHILE.format(
        verb=meanwhile.verb,
        once=shlex.quote(str(folder / "interrupted")),
        admin=shlex.quote(str(meanwhile.admin)),
        kubectl=shlex.quote(str(kubectl)),
        command=shlex.join(meanwhile.command),
    )


def as_account(kubeconfig: Path, token: str, path: Path) -> Path:
    """Write the kubeconfig of an account, in the cluster and the namespace of the given one."""
    content = json.loads(kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token}
    path.write_text(json.dumps(content))
    return path

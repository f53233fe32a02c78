"""`make pin`: the digest of each image, asked of a registry by whichever tool is there.

No registry is asked here: a program of that name on the PATH says what one would.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from function_process import ROOT

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
MANIFEST = """\
containers:
  - image: alpine/k8s:1.34.1
  - name: second
    image: alpine/k8s:1.34.10 # another one
  - image: busybox@sha256:f00
"""


def pin(folder: Path, *files: Path, tool: str = "", says: str = DIGEST) -> tuple[int, str, str]:
    """Run the script where, beside the basic programs, only this tool is on the PATH."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    for name in ("bash", "sed", "sort", "env", "grep"):
        if not (place / name).exists():
            (place / name).symlink_to(str(shutil.which(name)))
    if tool:
        (place / tool).write_text(f'#!/bin/bash\necho "{tool} $*" >> {folder}/asked\necho {says}\n')
        (place / tool).chmod(0o755)
    ran = subprocess.run(
        [ROOT / "hack/pin.sh", *files], env={"PATH": str(place)}, capture_output=True, text=True
    )
    return ran.returncode, ran.stdout, ran.stderr


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "definition.yaml"
    path.write_text(MANIFEST)
    return path


def test_each_image_that_is_named_by_version_gets_its_digest(
    manifest: Path, tmp_path: Path
) -> None:
    status, _, _ = pin(tmp_path, manifest, tool="crane")

    assert status == 0
    assert manifest.read_text() == MANIFEST.replace("1.34.1\n", f"1.34.1@{DIGEST}\n").replace(
        "1.34.10 #", f"1.34.10@{DIGEST} #"
    )


def test_a_digest_that_is_there_stays(manifest: Path, tmp_path: Path) -> None:
    pin(tmp_path, manifest, tool="crane")
    once = manifest.read_text()

    assert pin(tmp_path, manifest, tool="crane", says="nothing")[0] == 0
    assert manifest.read_text() == once


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("crane", "digest alpine/k8s:1.34.1"),
        ("skopeo", "inspect --no-tags --format {{.Digest}} docker://alpine/k8s:1.34.1"),
        (
            "docker",
            "buildx imagetools inspect --format {{.Manifest.Digest}} alpine/k8s:1.34.1",
        ),
    ],
)
def test_any_of_three_tools_is_asked(manifest: Path, tmp_path: Path, tool: str, words: str) -> None:
    assert pin(tmp_path, manifest, tool=tool)[0] == 0
    assert (tmp_path / "asked").read_text().splitlines()[0] == f"{tool} {words}"


def test_without_any_it_says_what_to_install(manifest: Path, tmp_path: Path) -> None:
    status, _, told = pin(tmp_path, manifest)

    assert status == 1
    assert "install crane, skopeo or docker" in told
    assert manifest.read_text() == MANIFEST


def test_what_is_no_digest_is_not_written(manifest: Path, tmp_path: Path) -> None:
    status, _, told = pin(tmp_path, manifest, tool="crane", says="latest")

    assert status == 1
    assert "alpine/k8s:1.34.1: this is no digest: latest" in told
    assert manifest.read_text() == MANIFEST


@pytest.mark.parametrize(
    "line", ["- image: registry:5000/tool", '  image: "tool:1.2"', "FROM --platform=$B tool:1 AS b"]
)
def test_what_it_cannot_pin_is_a_failure_that_names_it(tmp_path: Path, line: str) -> None:
    path = tmp_path / "odd"
    path.write_text(f"{line}\n")

    status, out, told = pin(tmp_path, path, tool="crane")

    assert status == 1
    assert f"{path}:1:{line}" in out
    assert "these are not pinned" in told


def test_make_pin_is_about_each_definition_and_the_image() -> None:
    printed = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "pin"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = {
        str(path.relative_to(ROOT)) for path in ROOT.glob("knative/definitions/*/definition.yaml")
    }

    assert files | {"Containerfile"} == set(printed.split()) - {"hack/pin.sh"}

"""The shell scripts are sound; hack/kind.sh is walked through with recorders for its tools.

What it would do to a real cluster is not run here, for want of a container engine.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alertmanagers import NEEDS, find_release
from function_process import ROOT
from kubectl import container_of_the_service

SCRIPTS = sorted([ROOT / ".ci" / "run", *ROOT.glob("[!.]*/**/*.sh")])
KIND = ROOT / "hack" / "kind.sh"
FETCH = ROOT / "tests" / "real" / "fetch-alertmanager.sh"
TOOLS = ("docker", "kind", "kubectl", "helm", "make")
# What every machine has that has bash.
COMMON = ("base64", "grep", "head", "printf", "sleep")

# Writes down what it is asked to do. There is a Job for each alert that was added, and a
# cluster once it was made.
RECORDER = """\
#!/bin/sh
log="$(dirname "$0")/log"
echo "$(basename "$0")" "$@" >> "$log"
case "$(basename "$0") $*" in
  "kind get clusters") grep -q "^kind create cluster" "$log" && echo openfero;;
  *"get jobs"*) grep "amtool alert add" "$log";;
esac
true
"""


def where(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SCRIPTS, ids=where)
def test_shellcheck_finds_nothing(path: Path) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    if not shellcheck.exists():
        pytest.skip("needs shellcheck: install the extra `check`")

    checked = subprocess.run([shellcheck, path], capture_output=True, text=True)

    assert checked.stdout + checked.stderr == ""


@pytest.mark.parametrize("path", SCRIPTS, ids=where)
def test_a_script_can_be_started_and_stops_at_the_first_failure(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert re.search(r"^set -eu", path.read_text(), re.MULTILINE)


class Bench:
    """A folder that is all of the PATH, with recorders in it."""

    def __init__(self, folder: Path, *tools: str) -> None:
        self._folder = folder
        self._log = folder / "log"
        self._log.touch()
        for name in ("dirname", "basename", *COMMON):
            (folder / name).symlink_to(str(shutil.which(name)))
        for name in tools:
            self.put(name, RECORDER)

    def put(self, name: str, script: str) -> None:
        (self._folder / name).write_text(script)
        (self._folder / name).chmod(0o755)

    def run(self, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(shutil.which("bash")), KIND],
            env={"PATH": str(self._folder), **environ},
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, *TOOLS)


class TestWhatKindNeeds:
    def test_with_nothing_installed_every_tool_is_named_in_one_line(self, tmp_path: Path) -> None:
        ran = subprocess.run(
            [str(shutil.which("bash")), KIND],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )

        assert ran.returncode == 1
        assert ran.stderr == f"kind.sh: not installed: {' '.join(TOOLS)}\n"
        assert all(tool in ran.stdout for tool in TOOLS), "what it needs comes first"

    @pytest.mark.parametrize("missing", TOOLS)
    def test_a_tool_that_is_missing_is_named_before_anything_is_done(
        self, tmp_path: Path, missing: str
    ) -> None:
        bench = Bench(tmp_path, *(tool for tool in TOOLS if tool != missing))

        ran = bench.run()

        assert (ran.returncode, ran.stderr) == (1, f"kind.sh: not installed: {missing}\n")
        assert bench.calls == []


class TestTheWayOfKind:
    def test_it_goes_from_the_cluster_to_the_alert(self, bench: Bench) -> None:
        ran = bench.run()

        assert ran.returncode == 0, ran
        first_of = {
            "cluster": "kind create cluster --name openfero",
            "knative": "serving-core.yaml",
            "image": "make build ENGINE=docker IMAGE=dev.local/openfero:dev",
            "load": "kind load docker-image dev.local/openfero:dev --name openfero",
            "function": "apply --kustomize knative/",
            "prometheus": "helm --kube-context kind-openfero upgrade --install mmop",
            "alert": "amtool alert add alertname=OpenferoTest",
        }
        found = [
            next(number for number, call in enumerate(bench.calls) if text in call)
            for text in first_of.values()
        ]
        assert found == sorted(found)

    def test_no_command_goes_to_another_cluster(self, bench: Bench) -> None:
        bench.run(KUBECONFIG="/elsewhere")

        assert any(call.startswith("kubectl ") for call in bench.calls)
        for call in bench.calls:
            tool, *words = call.split(" ")
            if tool == "kubectl":
                assert words[:2] == ["--context", "kind-openfero"]
            if tool == "helm":
                assert words[:2] == ["--kube-context", "kind-openfero"]

    def test_a_second_time_keeps_the_cluster_and_sends_another_alert(self, bench: Bench) -> None:
        bench.run()
        ran = bench.run()

        assert ran.returncode == 0, ran
        assert len([call for call in bench.calls if call.startswith("kind create")]) == 1
        assert len([call for call in bench.calls if "amtool alert add" in call]) == 2

    def test_the_versions_are_variables(self, bench: Bench) -> None:
        bench.run(KUBE_VERSION="v9.8.7", PROM_OPERATOR_VERSION="6.5.4", KNATIVE_VERSION="v3.2.1")

        calls = "\n".join(bench.calls)
        assert "--image kindest/node:v9.8.7" in calls
        assert "--version 6.5.4" in calls
        assert "/serving/releases/download/knative-v3.2.1/" in calls
        assert "/net-kourier/releases/download/knative-v3.2.1/" in calls

    def test_an_alert_that_gets_no_job_in_time_is_a_failure(self, bench: Bench) -> None:
        bench.put("kubectl", "#!/bin/sh\n")

        ran = bench.run(JOB_SECONDS="1")

        assert ran.returncode == 1
        assert ran.stderr.startswith("kind.sh: no Job after 1 seconds; see what the function says")
        assert "it works" not in ran.stdout

    def test_every_file_it_applies_is_there(self, bench: Bench) -> None:
        bench.run()

        words = {word for call in bench.calls for word in call.split() if word.startswith("kn")}
        files = {word for word in words if word.startswith("knative/")}
        assert len(files) == 3
        assert all((ROOT / name).exists() for name in files)

    def test_its_image_is_the_one_in_the_manifests(self, bench: Bench) -> None:
        image = container_of_the_service()["image"]

        bench.run()

        assert f"kind load docker-image {image} --name openfero" in bench.calls


def test_the_newer_alertmanager_is_as_new_as_the_script_that_fetches_it_promises() -> None:
    oldest = re.search(r"^OLDEST=(\S+)$", FETCH.read_text(), re.MULTILINE)
    assert oldest
    assert f"Alertmanager {oldest[1]} or newer" in NEEDS["newer"]
    release = find_release("newer")
    if not release:
        pytest.skip(NEEDS["newer"])

    assert numbers(release.version) >= numbers(oldest[1])


def numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]

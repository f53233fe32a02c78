"""The image, without an engine: what the Containerfile says, and its steps taken in a folder.

The Python of this environment stands in for that of the base image, a part of the standard
library for all of it; the user and the layers are left out. The rest is done as it is written, and the result is started as a container would be.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from conftest import Define
from function_process import READINESS, ROOT, await_ready, command, environment, free_port
from kube import Kube, variables
from kubectl import container_of_the_service
from overlays import build
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from wire import post

CONTAINERFILE = ROOT / "Containerfile"
SBOM = "sbom.cdx.json"
BASE = re.compile(r"python:(3\.\d+)-slim")
# Of the standard library so much that each kind of file is there.
PART_OF_STDLIB = ("json", "email", "concurrent", "this.py")


@dataclass(frozen=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        return self.text.split()


def instructions() -> list[Instruction]:
    lines = [line for line in CONTAINERFILE.read_text().splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", "")
    parts = [line.partition(" ") for line in whole.splitlines() if line]
    return [Instruction(name, text.strip()) for name, _, text in parts]


def texts(name: str) -> list[str]:
    return [each.text for each in instructions() if each.name == name]


def sources() -> list[str]:
    """What is copied from the project."""
    copies = [text.split() for text in texts("COPY") if not text.startswith("--from")]
    return [source for *found, _ in copies for source in found]


def copied() -> set[str]:
    return {str(path.relative_to(ROOT)) for source in sources() for path in ROOT.glob(source)}


class TestWhatIsWritten:
    @pytest.mark.parametrize("source", sources())
    def test_every_path_that_is_copied_exists(self, source: str) -> None:
        assert list(ROOT.glob(source))

    def test_the_modules_of_the_function_are_copied_and_no_other_code(self) -> None:
        modules = {f"function/{path.name}" for path in (ROOT / "function").glob("*.py")}

        assert copied() == modules | {"requirements.lock", "sbom.lock", "gunicorn.conf.py"}

    def test_the_engine_is_sent_what_is_copied_and_nothing_else(self) -> None:
        lines = (ROOT / ".dockerignore").read_text().splitlines()

        first, *rest = [line for line in lines if not line.startswith("#")]

        assert first == "*"
        assert rest == [f"!{source}" for source in sources()]

    def test_both_stages_have_the_same_python(self) -> None:
        versions = {BASE.match(text)[1] for text in texts("FROM")}  # type: ignore[index]
        [library] = {
            word for text in texts("RUN") for word in text.split() if "/lib/python" in word
        }

        assert [f"/usr/local/lib/python{version}" for version in versions] == [library]

    def test_the_lock_has_what_the_project_asks_for(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extra = project["optional-dependencies"]["functions-framework"]

        for requirement in map(Requirement, [*project["dependencies"], *extra]):
            assert locked()[canonicalize_name(requirement.name)] in requirement.specifier

    @pytest.mark.parametrize("name", ["requirements.lock", "sbom.lock"])
    def test_whatever_is_locked_is_held_by_its_hashes_and_comes_from_no_named_index(
        self, name: str
    ) -> None:
        text = (ROOT / name).read_text()
        whole = text.replace("\\\n", "")
        lines = [line for line in whole.splitlines() if not line.strip().startswith("#")]

        assert len(lines) == len(locked(name)) > 30
        assert all(" --hash=sha256:" in line for line in lines)
        assert "://" not in text

    def test_it_starts_as_the_docs_say(self) -> None:
        [started] = texts("CMD")
        _, *documented = command("gunicorn", 8080)

        assert json.loads(started)[1:] == [word.replace("127.0.0.1", "") for word in documented]
        told = environment("gunicorn", 8080)
        for name, value in variables_of_the_image().items():
            assert told[name] == value

    def test_user_and_port_are_those_of_the_manifests(self) -> None:
        container = container_of_the_service()
        user = container["securityContext"]["runAsUser"]

        assert texts("USER") == [f"{user}:{user}"]
        assert texts("EXPOSE") == [str(container["ports"][0]["containerPort"])]
        assert f":{texts('EXPOSE')[0]}" in json.loads(texts("CMD")[0])


def locked(name: str = "requirements.lock") -> dict[str, str]:
    """The version of each package in a lock file."""
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([^\s=]+)==(\S+)", text, re.MULTILINE))


def variables_of_the_image() -> dict[str, str]:
    pairs = [word.split("=", 1) for text in texts("ENV") for word in text.split()]
    return {name: value for name, value in pairs if name != "PATH"}


@dataclass
class Engine:
    """Takes the steps of each stage in the folder `root`, which is / to them."""

    folder: Path
    aside: Path = Path()
    """Where this stage goes when the next one begins; COPY --from finds it by its name."""
    workdir: Path = Path()
    environ: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def take(self, instruction: Instruction) -> None:
        if step := getattr(self, f"_{instruction.name.lower()}", None):
            step(instruction)

    def _from(self, instruction: Instruction) -> None:
        """Begin a stage with the base image."""
        if self.root.exists():
            self.root.rename(self.aside)
        image, *names = instruction.words
        self.aside = self.folder / names[-1] if names else self.folder
        self.workdir = self.root
        self.environ = {"PATH": f"{self.root}/usr/local/bin:{os.environ['PATH']}"}
        _lay_base(self.root, BASE.match(image)[1])  # type: ignore[index]

    def _workdir(self, instruction: Instruction) -> None:
        self.workdir = Path(self._inside(instruction.text))
        self.workdir.mkdir(parents=True, exist_ok=True)

    def _copy(self, instruction: Instruction) -> None:
        """Copy files into a folder, or a folder of another stage to where it goes."""
        *found, target = instruction.words
        if found[0].startswith("--from="):
            stage = self.folder / found[0].removeprefix("--from=")
            shutil.copytree(f"{stage}{found[1]}", self._inside(target), symlinks=True)
            return
        (self.workdir / target).mkdir(exist_ok=True)
        for path in (path for source in found for path in ROOT.glob(source)):
            shutil.copy(path, self.workdir / target)

    def _run(self, instruction: Instruction) -> None:
        caller = {k: v for k, v in os.environ.items() if k.startswith(("HOME", "PIP_"))}
        ran = subprocess.run(
            ["sh", "-ec", self._inside(instruction.text)],
            cwd=self.workdir,
            env={**caller, **self.environ},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ran.returncode == 0, (instruction, ran)

    def _env(self, instruction: Instruction) -> None:
        for word in instruction.words:
            name, _, value = word.partition("=")
            self.environ[name] = self._inside(value).replace("$PATH", self.environ["PATH"])

    def _cmd(self, instruction: Instruction) -> None:
        self.command = json.loads(instruction.text)

    def _inside(self, text: str) -> str:
        """Let each path that begins at / begin at the root of this stage."""
        return re.sub(r"(?<![\w.*/])/(?=\w)", f"{self.root}/", text)


def _lay_base(root: Path, version: str) -> None:
    program = root / "usr/local/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    library = root / f"usr/local/lib/python{version}"
    library.mkdir(parents=True)
    without = shutil.ignore_patterns("__pycache__")
    for name in PART_OF_STDLIB:
        path = Path(sysconfig.get_path("stdlib"), name)
        if path.is_dir():
            shutil.copytree(path, library / name, ignore=without)
        else:
            shutil.copy(path, library)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The last stage, when every step is taken."""
    engine = Engine(tmp_path_factory.mktemp("image"))
    for instruction in instructions():
        engine.take(instruction)
    return engine


@contextlib.contextmanager
def container(
    image: Engine, kubeconfig: Path, log: Path, inside: Sequence[str] = ()
) -> Iterator[str]:
    """Start what a container of the image starts, by another command if there is one; yield its URL."""
    address = f"127.0.0.1:{free_port()}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*inside, *(address if word == ":8080" else word for word in image.command)],
            cwd=image.workdir,
            env={**image.environ, "KUBECONFIG": str(kubeconfig)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        await_ready(process, f"http://{address}{READINESS}", log)
        yield f"http://{address}"
        process.terminate()
        assert process.wait(30) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def files(image: Engine) -> set[tuple[Path, int]]:
    return {(path, path.lstat().st_mtime_ns) for path in image.root.rglob("*")}


READ_ONLY = """
mount -t tmpfs temporary /var/tmp
for place in / /tmp /dev/shm; do
  if mountpoint -q "$place"; then mount -o remount,bind,ro "$place"; fi
done
export HOME=/ TMPDIR=/var/tmp
for path in "$HOME/file" /tmp/file /dev/shm/file "$FUNCTION_SOURCE"; do
  if touch "$path"; then exit 1; fi
done
echo "nothing can be written"
exec "$@"
"""
"""Another place for temporary files: in /tmp lie those of the test."""


@pytest.mark.setup
class TestWhatIsBuilt:
    def test_a_container_settles_the_alerts_of_test_and_writes_nothing(
        self, image: Engine, kubeconfig: Path, kube: Kube, define: Define, tmp_path: Path
    ) -> None:
        definition = define("KubeQuotaAlmostFull")
        body = (ROOT / "test" / "alerts.json").read_bytes()
        before = files(image)

        with container(image, kubeconfig, tmp_path / "log") as url:
            response = post(url, body)

        jobs = kube.jobs(definition)
        assert response.status == 200
        assert response.words == ["created", "created", "no-definition", "no-definition"]
        assert sorted(variables(job)["OPENFERO_NAMESPACE"] for job in jobs) == ["payments", "shop"]
        assert "Traceback" not in (tmp_path / "log").read_text()
        assert files(image) == before

    def test_it_runs_what_is_in_the_image_and_nothing_around_it(self, image: Engine) -> None:
        # CSafeLoader is the fast half of PyYAML: without it the slow one is taken unsaid.
        question = (
            "import flask, function.webhook as w, yaml; yaml.CSafeLoader; print(w, flask, yaml)"
        )
        ran = subprocess.run(
            ["python", "-c", question],
            cwd=image.workdir,
            env=image.environ,
            capture_output=True,
            text=True,
        )

        assert ran.stdout.count(f"from '{image.root}/") == 3, ran

    def test_all_of_it_has_byte_code_that_is_taken_unseen(self, image: Engine) -> None:
        """In the flags of the byte code: a hash of the source, which is not compared."""
        sources = list(image.root.rglob("*.py"))
        flags = {Path(cache_from_source(path)).read_bytes()[4:8] for path in sources}

        assert len(sources) > 1000
        assert flags == {b"\x01\0\0\0"}

    def test_of_the_project_it_holds_the_modules_alone(self, image: Engine) -> None:
        found = {
            str(path.relative_to(image.workdir))
            for path in image.workdir.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }

        assert found == copied() | {SBOM}
        assert not list(image.root.rglob("function/local"))

    def test_pip_and_the_tests_tools_stay_outside(self, image: Engine) -> None:
        packages = {path.name for path in (image.root / "opt/venv/lib").glob("*/site-packages/*")}

        assert {"flask", "kubernetes", "gunicorn"} <= packages
        outside = {"pip", "pytest", "hypothesis", "function", "mypy", "cyclonedx_py"}
        assert packages.isdisjoint(outside)

    def test_its_bill_of_materials_names_every_package_that_is_inside(self, image: Engine) -> None:
        written = json.loads((image.workdir / SBOM).read_text())
        named = {canonicalize_name(each["name"]): each for each in written["components"]}
        inside = {
            canonicalize_name(path.name.partition("-")[0])
            for path in (image.root / "opt/venv/lib").glob("*/site-packages/*.dist-info")
        }

        assert written["bomFormat"] == "CycloneDX"
        assert set(named) == inside
        for name, component in named.items():
            assert component["version"] == locked()[name]
            assert component["purl"] == f"pkg:pypi/{name}@{locked()[name]}"

    @pytest.mark.usefixtures("needs_mounts")
    def test_it_does_its_work_where_it_can_write_nothing_but_temporary_files(
        self, image: Engine, kubeconfig: Path, define: Define, tmp_path: Path
    ) -> None:
        """As restricted as in knative/service.yaml, and without a home."""
        define("KubeQuotaAlmostFull")
        body = (ROOT / "test" / "alerts.json").read_bytes()
        inside = ("unshare", "-Urm", "sh", "-euc", READ_ONLY, "read-only")

        with container(image, kubeconfig, tmp_path / "log", inside) as url:
            response = post(url, body)

        assert response.status == 200
        assert response.words == ["created", "created", "no-definition", "no-definition"]
        assert "nothing can be written" in (tmp_path / "log").read_text()


class TestMakeBuild:
    """With a recorder in the place of the engine."""

    IMAGE = "registry.example:5000/team/openfero:1.2"
    SHELL_TOOLS = ("sh", "cut", "cksum", "sha256sum")

    @pytest.fixture(autouse=True)
    def _needs_make(self) -> None:
        if not shutil.which("make"):
            pytest.skip("needs make")

    def make(
        self, folder: Path, *words: str, engines: str = "", status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run `make build` where only these engines are; each writes down how it was called."""
        for name in self.SHELL_TOOLS:
            (folder / name).symlink_to(str(shutil.which(name)))
        for name in engines.split():
            log = f'echo {name} "$@" >> {folder}/log; exit {status}'
            (folder / name).write_text(f"#!/bin/sh\n{log}\n")
            (folder / name).chmod(0o755)
        return subprocess.run(
            [str(shutil.which("make")), "--no-print-directory", "build", *words],
            cwd=ROOT,
            env={"PATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=30,
        )

    @pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
    def test_whichever_engine_is_there_builds_and_the_next_step_is_told(
        self, tmp_path: Path, engine: str
    ) -> None:
        done = self.make(tmp_path, f"IMAGE={self.IMAGE}", engines=engine)

        assert done.returncode == 0, done
        assert (tmp_path / "log").read_text() == (
            f"{engine} build --file Containerfile --tag {self.IMAGE} .\n"
        )
        last = done.stdout.splitlines()[-1]
        assert last == f"kustomize edit set image {name_in_the_manifests()}={self.IMAGE}"

    def test_of_several_one_can_be_chosen(self, tmp_path: Path) -> None:
        self.make(tmp_path, f"IMAGE={self.IMAGE}", "ENGINE=podman", engines="docker podman")

        assert (tmp_path / "log").read_text().startswith("podman build ")

    @pytest.mark.parametrize(
        ("words", "engines", "text"),
        [
            ([], "docker", "Which image? make build IMAGE=registry/name:tag"),
            (["IMAGE="], "docker", "Which image? make build IMAGE=registry/name:tag"),
            (["IMAGE=a:1"], "", "To build an image, install docker, podman or buildah"),
            (["IMAGE=a:1", "ENGINE=podman"], "docker", "There is no podman"),
        ],
        ids=["no image", "an empty one", "no engine", "not the chosen one"],
    )
    def test_what_is_missing_is_said_in_one_line(
        self, tmp_path: Path, words: list[str], engines: str, text: str
    ) -> None:
        done = self.make(tmp_path, *words, engines=engines)

        [line] = (done.stdout + done.stderr).splitlines()
        assert done.returncode != 0
        assert text in line
        assert not (tmp_path / "log").exists()

    def test_after_a_failed_build_there_is_no_next_step(self, tmp_path: Path) -> None:
        done = self.make(tmp_path, f"IMAGE={self.IMAGE}", engines="docker", status=1)

        assert done.returncode != 0
        assert "kustomize" not in done.stdout

    def test_what_kustomize_then_writes_puts_the_image_into_the_service(
        self, tmp_path: Path
    ) -> None:
        name, _, tag = self.IMAGE.rpartition(":")
        written = {"name": name_in_the_manifests(), "newName": name, "newTag": tag}
        overlay = {"resources": ["../knative"], "images": [written]}

        built = json.dumps(build(tmp_path, json.dumps(overlay)))

        assert f'"image": "{self.IMAGE}"' in built
        assert name_in_the_manifests() not in built


def name_in_the_manifests() -> str:
    image: str = container_of_the_service()["image"]
    return image.rpartition(":")[0]

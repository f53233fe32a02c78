"""What `make` says to someone whose Python or Go will not do, and how `make test` counts."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from function_process import ROOT
from run_both import count

pytestmark = pytest.mark.setup

MAKE = shutil.which("make") or "make"

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def a_python(folder: Path, answers: str) -> Path:
    """Return an interpreter that only knows these answers, by what it is asked (sh's case)."""
    path = folder / "python3"
    path.write_text(f'#!/bin/sh\ncase "$2" in {answers} esac\n')
    path.chmod(0o755)
    return path


def make(
    folder: Path, goal: str, python: Path, path: str = "/usr/bin:/bin"
) -> subprocess.CompletedProcess[str]:
    """Run make in a folder with nothing but the Makefile and what it reads."""
    for name in "Makefile", "pyproject.toml":
        shutil.copy(ROOT / name, folder)
    command = [MAKE, "--no-print-directory", goal, f"PYTHON={python}"]
    return subprocess.run(command, cwd=folder, env={"PATH": path}, capture_output=True, text=True)


def assert_one_line(done: subprocess.CompletedProcess[str], text: str) -> None:
    (line,) = (done.stdout + done.stderr).splitlines()
    assert done.returncode != 0
    assert text in line


@needs_make
class TestBeforeAnythingIsInstalled:
    @pytest.mark.parametrize("goal", ["run", "test", "check"])
    def test_a_python_that_is_too_old_is_named_with_what_to_type(
        self, tmp_path: Path, goal: str
    ) -> None:
        python = a_python(tmp_path, "*sys.exit*) exit 0;; *print*) echo 3.9.18;;")

        assert_one_line(
            make(tmp_path, goal, python),
            f"Python 3.11 or newer is needed, and {python} is 3.9.18: make {goal} PYTHON=python3.12",
        )
        assert not (tmp_path / ".venv").exists()

    def test_a_python_without_venv_says_what_to_install(self, tmp_path: Path) -> None:
        python = a_python(tmp_path, "*print*) echo 3.11.2;; *) exit 1;;")

        assert_one_line(make(tmp_path, "run", python), "apt-get install python3-venv")

    def test_no_python_at_all_says_what_to_install(self, tmp_path: Path) -> None:
        assert_one_line(make(tmp_path, "run", tmp_path / "none"), "install Python 3.11 or newer")

    def test_a_failed_installation_shows_why_and_leaves_no_stamp(self, tmp_path: Path) -> None:
        venv = (
            'mkdir -p "$4/bin"; echo "echo no such package >&2; exit 1" > "$4/bin/python";'
            ' chmod +x "$4/bin/python";;'
        )
        python = a_python(tmp_path, f"*print*) echo 3.11.2;; *sys.exit*) exit 1;; venv) {venv}")

        done = make(tmp_path, "run", python)

        assert done.returncode != 0
        assert "no such package" in done.stderr
        assert not list(tmp_path.glob(".venv/*/to-*"))

    def test_make_alone_lists_every_command(self, tmp_path: Path) -> None:
        commands = (ROOT / "Makefile").read_text().partition(".PHONY: ")[2].partition("\n")[0]

        listed = make(tmp_path, "help", tmp_path / "none").stdout.splitlines()

        assert [line.split()[1] for line in listed] == commands.split()
        assert all(len(line.split()) > 2 for line in listed)


@needs_make
class TestWhatIsCompiled:
    SHELL_TOOLS = ("sh", "cut", "cksum", "sha256sum", "sort")

    @pytest.mark.parametrize(("go", "there"), [("", "none"), ("go1.25.4", "go1.25.4")])
    def test_without_a_go_that_is_new_enough_make_real_names_the_one_it_needs(
        self, tmp_path: Path, go: str, there: str
    ) -> None:
        for name in self.SHELL_TOOLS:
            (tmp_path / name).symlink_to(str(shutil.which(name)))
        if go:
            (tmp_path / "go").write_text(f"#!/bin/sh\necho {go}\n")
            (tmp_path / "go").chmod(0o755)

        done = make(tmp_path, "real", tmp_path / "none", path=str(tmp_path))

        assert_one_line(
            done, f"Go 1.26 or newer is needed to compile Kubernetes, and there is {there}"
        )
        assert not (tmp_path / ".cache").exists()

    @pytest.mark.parametrize("modules", ["tests/real", "tests/real/older"])
    def test_kubernetes_says_that_it_is_the_version_that_it_was_compiled_from(
        self, tmp_path: Path, modules: str
    ) -> None:
        shutil.copytree(ROOT / modules, tmp_path / modules)
        shutil.copy(ROOT / "Makefile", tmp_path)
        (tmp_path / "go").write_text("#!/bin/sh\necho go1.26.0\n")
        (tmp_path / "go").chmod(0o755)
        [version] = re.findall(
            r"\bk8s\.io/kubernetes v(\S+)", (ROOT / modules / "go.mod").read_text()
        )

        told = subprocess.run(
            [MAKE, "--dry-run", "real", f"KUBERNETES={modules}"],
            cwd=tmp_path,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
        ).stdout

        numbers = re.findall(r"version\.git(?:Version=v|Major=|Minor=)([\d.]+)", told)
        assert numbers == [version, *version.split(".")[:2]]

    def test_the_oldest_kubernetes_that_is_supported_is_the_one_of_test_older(self) -> None:
        page = (ROOT / "docs" / "development.md").read_text()
        module = (ROOT / "tests" / "real" / "older" / "go.mod").read_text()

        [told] = re.findall(r"Kubernetes (\S+), the oldest that is supported", page)
        assert re.findall(r"\bk8s\.io/kubernetes v(\d+\.\d+)\.", module) == [told]


class TestTheSumOfTheSuites:
    def test_each_test_counts_once_by_what_became_of_it(self, tmp_path: Path) -> None:
        report = tmp_path / "report.xml"
        report.write_text(
            "<testsuites><testsuite><testcase/><testcase/><testcase><skipped/></testcase>"
            "<testcase><failure/></testcase><testcase><error/></testcase></testsuite></testsuites>"
        )

        assert count(report) == {"passed": 2, "skipped": 1, "failed": 2}

    def test_a_suite_that_leaves_no_report_has_failed(self, tmp_path: Path) -> None:
        assert count(tmp_path / "none.xml") == {"failed": 1}

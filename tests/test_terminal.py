"""`openfero` as a process: how it ends when it cannot read, write or run, and what it never prints."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from make import a_config_map
from openfero import PROGRAM, in_a_shell, openfero

from function.tools.command import openfero as command
from function.tools.new import new_definition

FULL = "cannot write to standard output: No space left on device"
CLOSED = "cannot write to standard output: Bad file descriptor"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a definition in which nothing is wrong, and one that is broken."""
    (tmp_path / "d.yaml").write_text(new_definition("PodDown", "firing", "openfero-jobs"))
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(a_config_map({"job.yaml": "a: ["})))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("openfero new PodDown >/dev/full", FULL),
        ("openfero lint d.yaml >/dev/full", FULL),  # it has nothing to write there
        ("openfero simulate PodDown d.yaml >&-", CLOSED),
        ("openfero simulate - d.yaml <&-", "cannot read -: standard input is closed"),
        ("openfero lint - <&-", "cannot read -: standard input is closed"),
    ],
)
def test_what_cannot_be_read_or_written_is_2_and_one_line(
    folder: Path, line: str, says: str
) -> None:
    ran = in_a_shell(line, folder)

    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"Error: {says}\n")


def test_help_that_cannot_be_written_is_2_and_one_line(tmp_path: Path) -> None:
    ran = in_a_shell("openfero --help >/dev/full", tmp_path)

    assert (ran.returncode, ran.stderr) == (2, "Error: No space left on device\n")


def test_it_is_quiet_when_its_reader_has_read_enough() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run([PROGRAM, "new", "A"], stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)

    assert (ran.returncode, ran.stderr) == (2, b"")


def test_what_it_says_cannot_be_heard_either(folder: Path) -> None:
    assert in_a_shell("openfero lint d.yaml 2>/dev/full", folder).returncode not in (0, 1)


def test_ctrl_c_ends_it_without_a_word(folder: Path) -> None:
    """By the signal itself, which a shell calls 130."""
    os.mkfifo(folder / "notification.json")
    words = [PROGRAM, "simulate", "notification.json", "d.yaml"]
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process, (folder / "notification.json").open("w"):  # it reads, once this is open
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=10)

    assert (process.returncode, *told) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize(
    ("defect", "says"),
    [
        ("sys.modules['click'] = None", "openfero needs click: install the project with its extra"),
        ("c.main = lambda: 1 / 0", "ZeroDivisionError: division by zero\na defect in OpenFero"),
    ],
)
def test_what_cannot_run_is_2_and_no_answer(defect: str, says: str) -> None:
    code = "import function.tools.command as c; " if "c.main" in defect else ""
    code += f"import sys; {defect}; from function.tools.__main__ import main; main()"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr


def test_a_process_answers_1_and_the_log_of_the_function_is_not_on_the_terminal(
    folder: Path,
) -> None:
    ran = in_a_shell("openfero simulate KubeQuotaAlmostFull broken.yaml", folder)

    assert (ran.returncode, ran.stderr) == (1, "")
    assert "broken" in ran.stdout


def test_there_is_no_colour_where_the_environment_asks_for_none(folder: Path) -> None:
    words = ["simulate", "KubeQuotaAlmostFull", str(folder / "broken.yaml")]
    run = CliRunner().invoke

    assert "\x1b[31m" in run(command, words, color=True, env={"NO_COLOR": ""}).stdout
    assert "\x1b" not in run(command, words, color=True, env={"NO_COLOR": "1"}).stdout


@pytest.mark.parametrize("name", ["new", "simulate", "local", "lint"])
def test_each_command_takes_a_namespace_that_can_be(name: str, tmp_path: Path) -> None:
    words = {"new": ["A"], "simulate": ["A", "d.yaml"], "local": [], "lint": ["d.yaml"]}[name]

    ran = openfero(name, *words, "-n", "../a", cwd=tmp_path)
    set_so = openfero(name, *words, cwd=tmp_path, OPENFERO_JOBS_NAMESPACE="../a")

    for refused in (ran, set_so):
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "'../a' is not the name of a namespace" in refused.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no such file"),
        ("hello", "it is none, or says of no cluster how to reach it: "),
        ("[1]", "it is none, or says of no cluster how to reach it: "),
        ("kind: ConfigMap", "it is none, or says of no cluster how to reach it: "),
    ],
)
def test_what_is_no_kubeconfig_is_named_and_said_to_be_none(
    folder: Path, content: str | None, says: str
) -> None:
    path = folder / "kubeconfig"
    if content is not None:
        path.write_text(content)

    ran = openfero("simulate", "PodDown", folder / "d.yaml", "--server", KUBECONFIG=str(path))

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"Error: cannot use the kubeconfig {path}: {says}")
    assert ran.stderr.count("\n") == 1

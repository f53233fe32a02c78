"""What `openfero lint` says: about people's mistakes, word by word, and about what is right, nothing.

Each definition in tests/lint says in its first line what the mistake is; the .txt beside it is
what a person then reads. After a change that is meant, `python tests/test_lint_goldens.py`
writes them anew, for the diff to be judged.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import yaml
from conftest import NAMESPACE, write_kubeconfig
from function_process import ROOT
from kube import Kube

try:
    from click.testing import CliRunner, Result
except ImportError:
    pytest.skip("needs click: install the extra `tools`", allow_module_level=True)

from function.local.server import LocalAPI
from function.tools.command import openfero
from function.tools.lint.codes import ERRORS, WARNINGS, severity

FOLDER = Path(__file__).parent / "lint"
MISTAKES = sorted(FOLDER.glob("*.yaml"))
CORRECT = FOLDER / "correct"
PAGE = ROOT / "docs" / "lint.md"
SAMPLES = (
    ROOT / "test" / "definition.yaml",
    ROOT / "knative" / "definitions" / "openferotest" / "definition.yaml",
)

FROM_A_CLUSTER = {"server", "missing-object", "not-checked"}
"""Only said with a cluster; tests of --server and --cluster hold them."""

by_name = pytest.mark.parametrize("path", MISTAKES, ids=lambda path: path.stem)

Type = Callable[[str], subprocess.CompletedProcess[str]]


def lint(*arguments: str, folder: Path = FOLDER) -> Result:
    """Lint as if typed in a folder, so that files are told by their names."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(openfero, ["lint", *arguments], catch_exceptions=False)
    finally:
        os.chdir(before)


def golden(path: Path) -> str:
    text = path.with_suffix(".txt").read_text()
    if "[yaml]" in text and not yaml.__with_libyaml__:
        pytest.skip("needs PyYAML with libyaml, whose words these are")
    return text


def codes(text: str) -> set[str]:
    return set(re.findall(r"\[([a-z-]+)\]$", text, re.MULTILINE))


@by_name
def test_a_mistake_is_told_in_these_words(path: Path) -> None:
    result = lint(path.name)

    assert result.stdout == golden(path)
    assert result.exit_code == (1 if ": error: " in golden(path) else 0)


def test_each_says_in_its_first_line_what_the_mistake_is_and_it_is_found() -> None:
    for path in MISTAKES:
        assert re.match(r"# .+[.?]\n", path.read_text()), path
        assert codes(golden(path)), path


def test_every_text_is_about_a_definition() -> None:
    assert sorted(FOLDER.glob("*.txt")) == [path.with_suffix(".txt") for path in MISTAKES]


def test_every_code_that_needs_no_cluster_is_among_the_mistakes() -> None:
    found = set().union(*(codes(golden(path)) for path in MISTAKES))

    assert found == (ERRORS | WARNINGS) - FROM_A_CLUSTER


def test_a_finding_has_the_severity_of_its_code() -> None:
    for line in "".join(map(golden, MISTAKES)).splitlines():
        told = re.fullmatch(r"\S+\.yaml:\d+: (error|warning): .+ \[([a-z-]+)\]", line)
        assert told, line
        assert told[1] == severity(told[2])


def definitions(folder: Path) -> list[Path]:
    """The files below a folder, without what stands beside definitions."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if path.name != "kustomization.yaml")


@pytest.mark.parametrize(
    "path", definitions(CORRECT), ids=lambda path: str(path.relative_to(CORRECT))
)
def test_nothing_is_said_about_what_is_right(path: Path) -> None:
    result = lint(str(path))

    assert (result.stdout, result.exit_code) == ("", 0)
    assert result.stderr.startswith("0 errors, 0 warnings in ")


def test_nothing_is_said_about_a_folder_of_what_is_right() -> None:
    result = lint(CORRECT.name)

    assert (result.stdout, result.exit_code) == ("", 0)


def test_all_mistakes_of_a_folder_are_told_at_once() -> None:
    alone = {line for path in MISTAKES for line in golden(path).splitlines()}

    # There are more in a folder: many are definitions of the same name.
    told = {line for line in lint(".").stdout.splitlines() if not line.endswith("[collision]")}

    assert told == {line for line in alone if not line.endswith("[collision]")}


# The page


def sections() -> dict[str, str]:
    """The paragraph of each code on the page."""
    return dict(re.findall(r"^### (.+)\n\n(.+(?:\n.+)*)", PAGE.read_text(), re.MULTILINE))


def test_the_page_has_a_paragraph_for_each_code_with_its_severity() -> None:
    told = {code: text.partition(".")[0].lower() for code, text in sections().items()}

    assert told == {code: str(severity(code)) for code in ERRORS | WARNINGS}


def test_a_paragraph_is_its_severity_and_at_most_four_sentences() -> None:
    for code, text in sections().items():
        assert len(re.findall(r"[.](?=\s|$)", text)) <= 5, code
        assert len(text) <= 400, code


def blocks() -> list[tuple[str, str]]:
    """The language and the text of each block of the page."""
    return re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def of(language: str) -> str:
    return "".join(text for each, text in blocks() if each == language)


def shown() -> list[tuple[str, str]]:
    """Each command after which the page shows what is printed, and that."""
    follows = zip(blocks(), blocks()[1:], strict=False)
    return [
        (command.strip(), text)
        for (language, command), (other, text) in follows
        if language == "sh" and other in ("text", "json")
    ]


@pytest.fixture
def type_in(tmp_path: Path) -> Iterator[Type]:
    """Run a line in the project's folder, beside a cluster that has the sample definitions."""
    config_maps = (yaml.safe_load(path.read_text()) for path in SAMPLES)
    with LocalAPI(namespaces=(NAMESPACE,)) as api:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api.url)
        with closing(Kube(str(kubeconfig))) as kube:
            for config_map in config_maps:
                kube.create("configmaps", config_map)
        yield partial(run_line, kubeconfig)


def run_line(kubeconfig: Path, line: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", line],
        cwd=ROOT,
        env={"PATH": path, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_every_command_on_the_page_finds_nothing_wrong_with_what_is_right(
    type_in: Type,
) -> None:
    lines = {*of("sh").splitlines(), *(step["run"] for step in yaml.safe_load(of("yaml"))["steps"])}
    for line in sorted(lines - {command for command, _ in shown()}):
        done = type_in(line)

        assert (done.stdout, done.returncode) == ("", 0), (line, done)


def test_what_the_page_shows_is_what_is_printed(
    type_in: Type,
) -> None:
    assert len(shown()) == 2
    for line, text in shown():
        done = type_in(line)

        assert (done.stdout, done.returncode) == (text, 1), done


def write_goldens() -> None:
    for path in MISTAKES:
        path.with_suffix(".txt").write_text(lint(path.name).stdout)


if __name__ == "__main__":
    write_goldens()

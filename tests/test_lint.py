"""`openfero lint` as a command: what it takes, what it writes, how it ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from conftest import write_kubeconfig
from function_process import ROOT
from kube import Kube
from linting import JOB, a_definition, annotated, check, found

from function.tools.clusters import connect
from function.tools.command import openfero
from function.tools.findings import Unusable
from function.tools.lint.codes import ERRORS, Severity, severity
from function.tools.lint.stored import read_stored

BROKEN = a_definition(metadata=annotated(cooldown="soon"))
WARNED = a_definition(manifest=JOB.replace("  activeDeadlineSeconds: 600\n", ""))


def lint(*arguments: object, given: str = "", **environment: str | None) -> Result:
    """Type `openfero lint …` without a process; an exit code of 2 is a usage error, or raised."""
    return CliRunner().invoke(openfero, ["lint", *map(str, arguments)], given, environment)


def files(result: Result) -> list[str]:
    """The files that findings are in."""
    return [each["file"] for each in json.loads(result.stdout)["findings"]]


# What it takes.


def test_a_definition_without_a_fault_has_no_findings() -> None:
    assert found(a_definition()) == []


def test_those_that_are_shipped_have_none_either_and_what_is_beside_them_is_none() -> None:
    assert lint(ROOT / "knative").stderr == "0 errors, 0 warnings in 9 definitions\n"


def test_a_folder_is_read_with_all_below_whatever_else_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.yml").write_text(BROKEN)
    (tmp_path / "b.yaml").write_text(WARNED.replace("poddown", "nodedown").replace("Pod", "Node"))
    (tmp_path / "kustomization.yaml").write_text("resources: [b.yaml]\n")
    (tmp_path / "workflow.yaml").write_text("on: push\nsteps: [1]\nsteps: [2]\n")
    (tmp_path / "vault.yaml").write_text("key: !vault x\n")
    (tmp_path / "list.yaml").write_text("- one\n- two\n")
    (tmp_path / "notes.txt").write_text("[")

    result = lint("-o", "json", tmp_path)

    assert files(result) == [str(tmp_path / "b.yaml"), str(tmp_path / "below" / "a.yml")]


def of_folder(folder: Path, content: bytes) -> tuple[int, list[str]]:
    """Put a file beside a definition with a fault; return the exit code, and what is said of it."""
    (folder / "a.yaml").write_text(WARNED)
    (folder / "b.yaml").write_bytes(content)
    result = lint(folder)
    assert f"{folder}/a.yaml:10: warning: " in result.stdout
    lines = result.stdout.splitlines()
    return result.exit_code, [each for each in lines if each.startswith(f"{folder}/b.yaml")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"one: [\n", "this is no YAML"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"a: b\n" * 3_000_000, "it is larger than 10485760 bytes"),
    ],
)
def test_a_file_of_a_folder_that_cannot_be_read_hides_nothing(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    code, [line] = of_folder(tmp_path, content)

    assert code == 0
    assert line.startswith(f"{tmp_path}/b.yaml:1: warning: {problem}")
    assert line.endswith("[not-checked]")


@pytest.mark.parametrize(
    "content",
    [
        b"name: openfero-a-firing\none: [\n",
        b"\xff openfero",
        a_definition().encode("utf-16"),
        b"# openfero\n" + b"a: b\n" * 3_000_000,
    ],
)
def test_it_is_an_error_if_it_speaks_of_openfero(tmp_path: Path, content: bytes) -> None:
    code, [line] = of_folder(tmp_path, content)

    assert code == 1
    assert ": error: " in line
    assert line.endswith("[yaml]")


def test_a_file_that_is_named_must_be_yaml(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one: [\n")

    assert lint(path).stdout.startswith(f"{path}:1: error: this is no YAML")


def test_a_folder_with_nothing_but_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("one: [\n")

    assert_unusable(lint(tmp_path), f"{tmp_path}/a.yaml:1: this is no YAML")


def test_folders_that_are_hidden_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(a_definition())
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "b.yaml").write_text("openfero: [\n")

    assert lint(tmp_path).stderr == "0 errors, 0 warnings in 1 definition\n"


def test_a_file_without_end_is_not_read_to_it() -> None:
    assert_unusable(lint("/dev/zero"), "cannot read /dev/zero: it is larger than")


def test_standard_input_is_called_by_its_hyphen() -> None:
    assert lint("-", given=BROKEN).stdout.startswith("-:7: error: annotation openfero.io/cooldown")


def test_files_folders_and_standard_input_go_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BROKEN)

    result = lint("-o", "json", tmp_path, "-", given=a_definition("openfero-PodDown-firing"))

    assert files(result) == ["-", str(tmp_path / "a.yaml")]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(a_definition())

    another_way = tmp_path / "below" / ".." / "a.yaml"
    another_way.parent.parent.mkdir()

    assert lint(path, tmp_path, another_way).stderr == "0 errors, 0 warnings in 1 definition\n"


def test_several_documents_have_the_lines_of_their_file() -> None:
    another = BROKEN.replace("poddown", "nodedown").replace("PodDown", "NodeDown")
    text = f"# first\n--- # then\n{a_definition()}---\n{another}"

    assert lint("-", given=text).stdout.startswith("-:30: error: annotation openfero.io/cooldown")


def test_the_items_of_a_list_have_the_lines_of_their_file() -> None:
    item = "\n".join(f"    {line}" for line in BROKEN.splitlines())
    text = f"apiVersion: v1\nkind: List\nitems:\n  -\n{item}\n"

    assert found(text) == ["11 guard-rail"]


def test_json_may_have_tabs(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    content = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "openfero-poddown-firing"},
        "data": {"PodDown": JOB.replace("Never", "Always")},
    }
    path.write_text(json.dumps(content, indent="\t"))

    assert lint(path).stdout.startswith(f"{path}:8: error: spec.template.spec.restartPolicy")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"kind: Namespace\n", "there is no definition"),
        (b"", "there is no definition"),
        (b"\xff\xfe", "it is not UTF-8"),
        (None, "No such file or directory"),
    ],
)
def test_what_cannot_be_checked_says_why(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)

    assert_unusable(lint(path), problem)


def assert_unusable(result: Result, problem: str) -> None:
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert problem in result.stderr


def test_a_folder_without_any_yaml_says_so(tmp_path: Path) -> None:
    assert_unusable(lint(tmp_path), "has no file that ends in .yaml, .yml, .json")


@pytest.mark.parametrize("arguments", [(), ("--cluster", "a.yaml"), ("-o", "xml", "a.yaml")])
def test_what_cannot_be_meant_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    result = lint(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: openfero lint" in result.stderr


@pytest.mark.parametrize(
    "metadata",
    [
        "annotations: {openfero.io/mode: run}",
        "labels: {openfero/job-disabled: 'false'}",
    ],
)
def test_a_config_map_with_a_word_of_ours_is_a_definition(metadata: str) -> None:
    text = f"kind: ConfigMap\nmetadata:\n  name: other\n  {metadata}\n"

    assert "3 name" in found(text)


def test_a_config_map_with_a_job_in_it_is_a_definition() -> None:
    manifest = '{"apiVersion": "batch/v1", "kind":"Job"}\n'

    assert found(a_definition("poddown-firing")) == ["4 name"]
    assert found(a_definition("poddown-firing", manifest=manifest)) == ["4 name"]


def test_of_a_job_that_may_be_somebody_elses_only_the_name_is_told() -> None:
    manifest = JOB.replace("Never", "Always").replace("kind: Job\n", "kind: Job\nkind: Job\n")

    assert found(a_definition("poddown-firing", manifest=manifest)) == ["4 name"]


HERE_DOCUMENT = """\
kubectl create -f - <<EOF
apiVersion: batch/v1
kind: Job
EOF
"""
OF_ARGO = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  manifest: |
    apiVersion: batch/v1
    kind: Job
"""


@pytest.mark.parametrize(
    "content",
    [
        "kind: CronJob\n",
        "kind: JobList\n",
        "not a kind: Job\n",
        "kind: Job\n",
        HERE_DOCUMENT,
        OF_ARGO,
        "apiVersion: batch/v1\nkind: Job\nspec: [\n",
    ],
)
def test_a_config_map_of_somebody_else_is_none(content: str) -> None:
    with pytest.raises(Unusable):
        check(a_definition("settings", manifest=content))


@pytest.mark.parametrize("name", ["openfero-scripts", "openfero-dns-resolver"])
def test_a_config_map_of_ours_with_scripts_is_none_either(name: str) -> None:
    with pytest.raises(Unusable):
        check(a_definition(name, manifest=HERE_DOCUMENT))


def test_a_script_beside_the_manifest_may_hold_a_job() -> None:
    volumes = "      volumes: [{name: own, configMap: {name: openfero-poddown-firing}}]\n"
    more = "  repair.sh: |\n" + "".join(f"    {each}\n" for each in HERE_DOCUMENT.splitlines())

    assert found(a_definition(manifest=JOB + volumes, more=more)) == []


def test_what_an_earlier_openfero_found_is_a_definition() -> None:
    manifest = JOB.replace("Never", "Always")
    text = a_definition("poddown-firing", "labels: {app: openfero}\n", manifest)

    assert found(text) == ["4 name", "16 refused"]


def test_a_manifest_of_ours_that_cannot_be_read_is_told() -> None:
    assert "yaml" in found(a_definition("openfero-poddown", manifest="kind: Job\nspec: [\n"))[1]


# The namespace.


def in_namespaces(*namespaces: str) -> str:
    return "---\n".join(
        a_definition().replace("  namespace: openfero-jobs\n", each) for each in namespaces
    )


def test_a_definition_for_another_namespace_than_the_one_that_is_typed_is_an_error() -> None:
    assert lint("-", given=a_definition()).exit_code == 0
    assert lint("-n", "openfero-jobs", "-", given=a_definition()).exit_code == 0

    result = lint("-n", "elsewhere", "-", given=a_definition())

    assert result.stdout == (
        "-:5: error: metadata.namespace is openfero-jobs, but definitions are looked for in "
        "elsewhere [namespace]\n"
    )


def test_a_definition_without_a_namespace_is_in_the_one_that_is_typed() -> None:
    text = in_namespaces("", "  namespace: openfero\n")

    assert lint("-", given=text).exit_code == 0
    assert "[collision]" in lint("-n", "openfero", "-", given=text).stdout


def test_a_manifest_for_another_namespace_than_that_is_an_error() -> None:
    manifest = JOB.replace("kind: Job\n", "kind: Job\nmetadata: {namespace: other}\n")
    text = a_definition(manifest=manifest).replace("  namespace: openfero-jobs\n", "")

    assert "[namespace]" in lint("-n", "openfero", "-", given=text).stdout


def test_what_no_namespace_can_be_called_is_a_usage_error() -> None:
    result = lint("-n", "Not_One", "-", given=a_definition())

    assert result.exit_code == 2
    assert "is not the name of a namespace" in result.stderr


# Where a finding is.


@pytest.mark.parametrize(
    "text",
    [
        "kind: ConfigMap\na: [\n",
        a_definition(manifest="kind: Job\nspec: [\n"),
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: openfero-a-firing}\ndata:\n  a: |\n",
    ],
)
def test_no_line_is_beyond_the_end_of_its_file(text: str) -> None:
    for each in check(text).findings:
        assert 1 <= each.place.line <= text.count("\n")


def with_a_fault(header: str, manifest: str) -> str:
    return f"kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: openfero-a-firing\ndata:\n  {header}\n{manifest}"


IN_ONE_LINE = json.dumps(yaml.safe_load(JOB.replace("Never", "Always")))
LINES = "".join(f"    {line}\n" for line in JOB.replace("Never", "Always").splitlines())


@pytest.mark.parametrize(
    ("header", "manifest", "line"),
    [
        ("a: |", LINES, 14),
        ("a: |-  # kept", LINES, 14),
        ("a: |4+", "\n" + "".join(f"      {line}\n" for line in LINES.splitlines()), 15),
        ("a: &job |", LINES, 14),
        ("a:\n    |", LINES, 15),
        (f"a: {json.dumps(JOB.replace('Never', 'Always'))}", "", 6),
        ("b: x\n  a: >", "\n".join(LINES.splitlines(keepends=True)), 7),
        ("a:\n    '" + IN_ONE_LINE.replace(" ", "\n    ") + "'", "", 6),
    ],
    ids=["literal", "chomped", "indented", "anchor", "next line", "double", "folded", "single"],
)
def test_a_line_is_exact_in_a_literal_block_and_else_that_of_the_key(
    header: str, manifest: str, line: int
) -> None:
    [finding] = [
        each for each in check(with_a_fault(header, manifest)).findings if each.code != "extra-key"
    ]

    assert (finding.code, finding.place.line) == ("refused", line)


def test_windows_line_ends_and_a_byte_order_mark_change_no_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BROKEN.replace("\n", "\r\n").encode())

    assert lint(path).stdout.startswith(f"{path}:7: error: ")


def test_a_form_feed_in_a_script_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"# \f \x1c\n---\n{BROKEN}")

    assert lint(path).stdout.startswith(f"{path}:9: error: ")


def test_what_comes_by_a_merge_key_is_checked_at_its_mapping() -> None:
    text = with_a_fault("<<: {a: " + json.dumps(JOB.replace("Never", "Always")) + "}", "")

    assert found(text) == ["5 refused"]


def test_a_definition_is_checked_to_its_end_and_findings_are_in_their_order() -> None:
    manifest = JOB.replace("busybox:1.37.0", "busybox").replace("Never", "Always")
    text = a_definition("openfero-PodDown-firing", annotated(cooldown="soon", mod="run"), manifest)

    assert found(text) == [
        "4 name",
        "7 guard-rail",
        "8 unknown-annotation",
        "18 refused",
        "21 latest-image",
    ]


# What it writes.


def test_text_is_a_line_for_each_finding_and_a_sum_on_standard_error() -> None:
    text = BROKEN + "---\n" + WARNED.replace("poddown", "nodedown").replace("Pod", "Node")

    result = lint("-", given=text)

    lines = result.stdout.splitlines()
    assert lines[0] == (
        "-:7: error: annotation openfero.io/cooldown must be a duration of at most 7d, "
        "such as 30m or 1h30m, found 'soon' [guard-rail]"
    )
    assert lines[1].startswith("-:33: warning: spec.activeDeadlineSeconds is missing")
    assert lines[1].endswith(" [no-deadline]")
    assert result.stderr == "1 error, 1 warning in 2 definitions\n"


def test_json_has_the_same_and_nothing_is_on_standard_error() -> None:
    result = lint("-o", "json", "-", given=BROKEN)

    content = json.loads(result.stdout)
    [finding] = content.pop("findings")
    assert content == {"errors": 1, "warnings": 0, "definitions": 1}
    assert finding.pop("message").startswith("annotation openfero.io/cooldown must be")
    assert finding == {"file": "-", "line": 7, "code": "guard-rail", "severity": "error"}
    assert result.stderr == ""


def test_there_is_colour_on_a_terminal_only() -> None:
    arguments = ["lint", "-"]
    runner = CliRunner()

    assert "\x1b[" not in runner.invoke(openfero, arguments, BROKEN).stdout
    assert "\x1b[31m" in runner.invoke(openfero, arguments, BROKEN, color=True).stdout


def test_a_terminal_is_sent_no_control_characters_of_others() -> None:
    text = a_definition(metadata='annotations: {"openfero.io/\\e[31m": x}\n')

    assert "openfero.io/\\x1b[31m is not known" in lint("-", given=text).stdout


# How it ends.


def test_it_ends_with_1_on_errors_only() -> None:
    assert lint("-", given=a_definition()).exit_code == 0
    assert lint("-", given=WARNED).exit_code == 0
    assert lint("-", given=BROKEN).exit_code == 1


def test_a_process_does_as_is_said_here() -> None:
    command = [sys.executable, "-m", "function.tools", "lint", "-"]

    def run(given: str) -> tuple[int, str, str]:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout[:12], done.stderr

    assert run(BROKEN) == (1, "-:7: error: ", "1 error, 0 warnings in 1 definition\n")
    code, out, err = run("kind: Namespace\n")
    assert (code, out) == (2, "")
    assert err.startswith("Error: there is no definition in what was given: a ConfigMap")


def test_every_code_is_an_error_or_a_warning() -> None:
    assert severity("name") is Severity.ERROR
    assert severity("no-deadline") is Severity.WARNING
    assert "yaml-trap" not in ERRORS


# What texts may do to it.


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "a: &a [*a]",
        "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
        + "".join(
            f"{n}: &x{n} [{', '.join([f'*x{n - 1}' if n else '*b'] * 9)}]\n" for n in range(9)
        ),
        "? [a]\n: b",
        "a: *nowhere",
        "a: \x00",
        "!!python/object:os.system x",
        "a: !!int x",
        "a: 0x_",
        "1: 2\n1: 3",
        "a: 9" + "9" * 5000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_yaml_is_found_and_ends_nothing(text: str) -> None:
    assert found(a_definition(manifest=f"{text}\n"))
    assert found(f"kind: ConfigMap\nmetadata: {{name: openfero-a-firing}}\n{text}\n") or True


# With a cluster.


@pytest.fixture
def stored(kube: Kube) -> Iterator[Any]:
    """Create ConfigMaps as they are written here; they are gone after the test."""
    names: list[str] = []

    def create(name: str, data: dict[str, str], **metadata: Any) -> str:
        content = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, **metadata},
            "data": data,
        }
        kube.create("configmaps", content)
        names.append(name)
        return name

    yield create
    for name in names:
        kube.delete("configmaps", name)


def of_cluster(kubeconfig: Path, kube: Kube, *arguments: str) -> Result:
    return lint("--cluster", "-n", kube.namespace, *arguments, KUBECONFIG=str(kubeconfig))


def test_the_definitions_of_a_cluster_have_lines_in_their_manifests(
    stored: Any, kubeconfig: Path, kube: Kube, alertname: str
) -> None:
    annotations = {"openfero.io/cooldown": "soon"}
    manifest = JOB.replace("Never", "Always")
    name = stored(
        f"openfero-{alertname.lower()}-firing", {alertname: manifest}, annotations=annotations
    )
    stored(f"other-{alertname.lower()}", {"a": "b"})

    content = json.loads(of_cluster(kubeconfig, kube, "-o", "json").stdout)

    ours = [each for each in content["findings"] if each["file"] == f"configmap/{name}"]
    assert [(each["line"], each["code"]) for each in ours] == [(1, "guard-rail"), (8, "refused")]
    assert not any("other-" in each["file"] for each in content["findings"])


def test_a_cluster_is_read_page_by_page(
    stored: Any, kubeconfig: Path, kube: Kube, alertname: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {stored(f"openfero-{alertname.lower()}{n}-firing", {"a": "b"}) for n in range(5)}
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))

    found = read_stored(connect(kube.namespace), page=2)

    read = [each.name for each in found]
    assert names <= {*read}
    assert len(read) == len({*read})


def test_a_namespace_without_definitions_says_so(kubeconfig: Path) -> None:
    result = lint("--cluster", "-n", "elsewhere", KUBECONFIG=str(kubeconfig))

    assert_unusable(result, "there is no definition in the namespace elsewhere of ")


def test_without_a_kubeconfig_it_says_what_to_do(tmp_path: Path) -> None:
    result = lint("--cluster", KUBECONFIG=None, HOME=str(tmp_path))

    assert_unusable(result, "set KUBECONFIG")


def test_the_kubeconfig_of_kubectl_is_taken_if_none_is_named(
    tmp_path: Path, stored: Any, kubeconfig: Path, kube: Kube, alertname: str
) -> None:
    stored(f"openfero-{alertname.lower()}-firing", {alertname: JOB})
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(kubeconfig.read_text())

    result = lint("--cluster", "-n", kube.namespace, KUBECONFIG=None, HOME=str(tmp_path))

    assert result.exception is None, result.exception


def test_a_cluster_out_of_reach_is_named(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")

    result = lint("--cluster", KUBECONFIG=str(path))

    assert_unusable(result, "127.0.0.1:1")


def test_the_api_server_is_asked_as_well(kubeconfig: Path, kube: Kube) -> None:
    manifest = JOB.replace(
        "  template:\n    spec:\n", "  template:\n    spec:\n      serviceAccountName: nobody\n"
    )
    text = a_definition(manifest=manifest).replace("openfero-jobs", kube.namespace)

    result = lint("--server", "-", given=text, KUBECONFIG=str(kubeconfig))

    assert "ServiceAccount nobody" in result.stdout
    assert result.stdout.startswith("-:15: ")

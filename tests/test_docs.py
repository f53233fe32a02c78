"""README and docs are true: every table, example and link in them is held here."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import Define
from function_process import ROOT
from kube import Kube
from make import a_notification, alert_json, an_alert, notification_json
from wire import post

from function import injection, webhook
from function.alerts import MAX_ALERTS
from function.definitions import definition_name, read_definition
from function.envelope import MAX_VALUES
from function.jobs import build_job
from function.outcomes import Kind
from function.rails import ANNOTATIONS, Rails, read_rails
from function.scales import MAX_BYTES
from function.settings import Settings
from function.transport import CONNECT_SECONDS, PAUSES, READ_SECONDS

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("[!.]*/**/README.md")])


def page(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL)


def table(name: str, first_header: str) -> list[list[str]]:
    """The rows of the table whose first column has that header, without the marks of code."""
    rows: list[list[str]] = []
    reading = False
    for line in page(name).splitlines():
        cells = [cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and cells[0].strip("| ") == first_header:
            reading = True
        elif reading and not line.startswith("|"):
            return rows
        elif reading and not line.startswith("|---"):
            rows.append([cell.strip("| ") for cell in cells])
    return rows


def test_the_readme_fits_its_page() -> None:
    assert len(page("README.md").splitlines()) <= 150


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    text = path.read_text()

    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if file.startswith("https://"):
            continue
        found = (path.parent / file) if file else path
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).replace(" ", "-").lower() for h in headings}


def test_the_outcomes_and_their_statuses_are_those_of_the_code() -> None:
    told = {row[0]: int(row[2]) for row in table("docs/answers.md", "outcome")}

    assert told == {str(kind): int(kind.status) for kind in Kind}


def test_the_settings_are_those_of_the_code() -> None:
    names = {field.name for field in dataclasses.fields(Settings)}
    variables = {n.upper() if n == "kubeconfig" else f"OPENFERO_{n.upper()}" for n in names}

    told = {row[0]: row[1] for row in table("docs/settings.md", "variable")}

    assert {name for name in told if name.startswith(("OPENFERO_", "KUBECONFIG"))} == variables
    assert told["OPENFERO_LOG_LEVEL"] == Settings().log_level
    assert told["OPENFERO_MODE"] == Settings().mode
    assert told["OPENFERO_STRICT"] == str(Settings().strict).lower()


def test_the_documented_values_of_settings_are_taken() -> None:
    for level in ("INFO", "WARNING", "ERROR"):
        assert Settings.from_environ({"OPENFERO_LOG_LEVEL": level}).log_level == level
    for mode in ("run", "approve", "audit"):
        assert Settings.from_environ({"OPENFERO_MODE": mode}).mode == mode
    assert Settings.from_environ({"OPENFERO_STRICT": "true"}).strict


def test_the_documented_names_of_definitions_are_the_real_ones() -> None:
    rows = table("docs/definitions.md", "alert name")
    assert len(rows) == 7

    for alertname, status, told in rows:
        found = definition_name(an_alert(alertname, status=status))
        assert told == (found or "none: nothing is left of it")


def test_the_documented_answer_is_what_an_answer_looks_like(
    function: str, define: Define, alertname: str
) -> None:
    example, _schema = blocks("docs/answers.md", "json")
    define(alertname)

    response = post(function, notification_json(alert_json(labels={"alertname": alertname})))

    [told], [found] = json.loads(example)["outcomes"], response.outcomes
    assert list(told) == list(found)


def test_the_documented_limits_are_those_of_the_code() -> None:
    answers, definitions = page("docs/answers.md"), page("docs/definitions.md")

    assert (
        f"{webhook.MAX_AT_ONCE} notifications are in flight already, or {MAX_BYTES // 1024**2} MiB of"
        in answers
    )
    assert f"more than {MAX_VALUES:,} values" in answers
    assert f"over {webhook.MAX_BODY // 1024**2} MiB" in answers
    assert f"more than {MAX_ALERTS:,} alerts" in answers
    assert f"has {webhook.SECONDS:.0f} seconds from its arrival" in answers
    assert f"{CONNECT_SECONDS:.0f} seconds to\nconnect and {READ_SECONDS:.0f} to" in answers
    assert len(PAUSES) + 1 == 5, "tried up to five times"
    assert f"cut at {injection.MAX_VALUE // 1024} KiB" in definitions
    assert f"the file at {injection.MAX_FILE // 1024} KiB" in definitions


def test_the_versions_that_were_run_are_those_of_the_project() -> None:
    rows = table("docs/reliability.md", "what")
    told = {row[2]: row[1] for row in rows if row[0] in ("Kubernetes", "")}
    modules = {"make test-real": "tests/real", "make test-older": "tests/real/older"}
    oldest = re.search(r'requires-python = ">=(\S+)"', page("pyproject.toml"))

    assert oldest
    assert rows[0][1].startswith(f"{oldest[1]}.")
    for command, folder in modules.items():
        assert f"k8s.io/kubernetes v{told[command]}" in page(f"{folder}/go.mod")


def test_the_example_in_the_readme_becomes_a_job_with_the_variables_told(
    function: str, kube: Kube
) -> None:
    example = blocks("README.md", "yaml")[0]
    config_map = yaml.safe_load(example)
    name = config_map["metadata"]["name"]
    config_map["metadata"]["namespace"] = kube.namespace
    kube.create("configmaps", config_map)
    labels = {"alertname": "PodDown", "namespace": "shop", "pod": "web-0"}

    response = post(function, notification_json(alert_json(labels=labels)))

    [job] = kube.jobs(name)
    kube.delete("jobs", job["metadata"]["name"])
    kube.delete("configmaps", name)
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    told = next(block for block in blocks("README.md", "text") if "OPENFERO_" in block)
    assert response.words == ["created"]
    assert [f"{variable['name']}={variable['value']}" for variable in env] == told.splitlines()


def test_the_receiver_in_the_readme_is_taken_by_alertmanager(tmp_path: Path) -> None:
    amtool = shutil.which("amtool")
    if not amtool:
        pytest.skip("needs amtool: apt-get install prometheus-alertmanager")
    (tmp_path / "alertmanager.yml").write_text(blocks("README.md", "yaml")[-1])

    checked = subprocess.run(
        [amtool, "check-config", str(tmp_path / "alertmanager.yml")], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked


def test_the_example_in_the_page_on_definitions_becomes_a_job() -> None:
    [example] = blocks("docs/definitions.md", "yaml")
    config_map = yaml.safe_load(example)
    alert = an_alert("KubeQuotaAlmostFull")

    definition = read_definition(config_map, alert)

    assert config_map["metadata"]["name"] == definition_name(alert)
    assert build_job(definition, alert, a_notification(), "openfero-jobs")


def test_the_variables_and_labels_told_are_those_of_a_job() -> None:
    alert = an_alert("KubeQuotaAlmostFull")
    notification = a_notification(
        alert, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", groupKey="g"
    )
    definition = read_definition(yaml.safe_load(blocks("docs/definitions.md", "yaml")[0]), alert)

    job, _ = build_job(definition, alert, notification, "openfero-jobs")

    text = page("docs/definitions.md")
    for variable in job["spec"]["template"]["spec"]["containers"][0]["env"]:
        name = variable["name"]
        assert f"`{name}`" in text or name == "OPENFERO_ALERTNAME"
    for label in job["metadata"]["labels"]:
        assert f"`{label}`" in text


def test_the_run_a_repair_again_lines_work(
    function: str, kube: Kube, kubeconfig: Path, define: Define, alertname: str, tmp_path: Path
) -> None:
    kubectl = Path(sys.executable).with_name("kubectl")
    if not kubectl.exists():
        pytest.skip("needs kubectl: install the extra `test`")
    define(alertname)
    notification = notification_json(alert_json(labels={"alertname": alertname}))
    name = post(function, notification).outcomes[0]["job"]
    [script] = [
        block for block in blocks("docs/definitions.md", "sh") if "kubectl get job" in block
    ]
    script = script.replace("NAME", name).replace("http://localhost:8080", function)

    ran = subprocess.run(
        ["sh", "-euc", script],
        cwd=tmp_path,
        env={"PATH": f"{kubectl.parent}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert f'"outcome": "created", "job": "{name}"' in ran.stdout, ran


def test_the_page_on_the_house_names_every_module_and_what_it_imports() -> None:
    told = {
        row[0].removesuffix(".py"): set(re.findall(r"\w+", row[2] if len(row) > 2 else ""))
        for row in table("docs/development.md", "module")
    }

    assert told == {
        path.stem: imports(path)
        for path in (ROOT / "function").glob("*.py")
        if path.stem != "__init__"
    }


def imports(path: Path) -> set[str]:
    return set(re.findall(r"^from function\.(\w+) import", path.read_text(), re.MULTILINE))


# The page on guard rails


def test_the_guard_rails_told_are_those_that_are_read() -> None:
    names = {
        row[0].split(":")[0].strip("` ")
        for row in table("docs/guard-rails.md", "annotation openfero.io/…")
    }

    assert {f"openfero.io/{name}" for name in names} == ANNOTATIONS


def test_the_example_of_guard_rails_is_a_definition_with_all_of_them() -> None:
    labels = {"severity": "warning", "namespace": "shop", "container": "web", "pod": "web-0"}
    alert = an_alert("KubePodCrashLooping", **labels)
    config_map = yaml.safe_load(blocks("docs/guard-rails.md", "yaml")[0])
    assert config_map["metadata"]["name"] == definition_name(alert)

    definition = read_definition(config_map, alert)

    assert definition.rails.matches(alert.labels)
    assert definition.rails.subject_of(alert.labels) == {"namespace": "shop", "container": "web"}
    assert definition.rails == Rails(
        match=definition.rails.match,
        subject=("namespace", "container"),
        cooldown=30 * 60,
        rerun_after=2 * 3600,
        max_runs=3,
        window=24 * 3600,
        cancels=True,
    )
    build_job(definition, alert, a_notification(alert), "openfero-jobs")


def test_the_guard_rails_in_the_readme_are_read() -> None:
    annotations = yaml.safe_load(blocks("README.md", "yaml")[1])

    found = read_rails(annotations, "firing")

    assert (found.cooldown, found.max_runs, found.cancels) == (30 * 60, 3, True)

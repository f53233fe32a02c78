"""The starter pack: what holds for each entry alike. Beside this each has a test of its own."""

import copy
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import containers
import control_plane
import pytest
import yaml
from conftest import NAMESPACE
from kubectl import BASE, FUNCTION, Kubectl
from make import a_manifest
from openfero import openfero
from overlays import build, with_components
from starter_pack import ENTRIES, PACK, Entry
from waiting import until

from function.alerts import Alert, read_notification
from function.definitions import definition_name, read_definition
from function.jobs import build_job
from function.rails import read_rails

PAGE = (PACK / "README.md").read_text()

LIMITS = BASE / "components" / "confine" / "limits.yaml"

# With one of these a Job changes what is there; only an Event may be made by any.
READS = {"get", "list", "watch"}

# The words before a label that say which command it is given to.
A_COMMAND = re.compile(
    r"(?:^|[\s(|&;])(awk|case|echo|for|grep|kubectl|printf|sed|set|test|\[)\s", re.M
)
A_LABEL_AS_A_WORD = re.compile(r'\s"\$\{?OPENFERO_\w+[^"]*"')


@pytest.fixture(params=ENTRIES)
def entry(request: pytest.FixtureRequest) -> Entry:
    return Entry(request.param)


def alert_of(entry: Entry) -> Alert:
    body = (entry.folder / "alerts.json").read_bytes()
    [alert] = read_notification({"content-type": "application/json"}, body).alerts
    return alert


def built(entry: Entry) -> tuple[dict[str, Any], list[str]]:
    """Return the Job that the function makes of the example, and its warnings."""
    body = (entry.folder / "alerts.json").read_bytes()
    notification = read_notification({"content-type": "application/json"}, body)
    [alert] = notification.alerts
    definition = read_definition(entry.definition, alert)
    return build_job(definition, alert, notification, NAMESPACE)


# What lies there.


def test_all_folders_are_applied_together() -> None:
    kustomization = yaml.safe_load((PACK / "kustomization.yaml").read_text())

    assert kustomization["resources"] == sorted([*ENTRIES, "openferotest"])


def test_an_entry_is_a_definition_its_access_an_example_and_a_page(entry: Entry) -> None:
    assert {path.name for path in entry.folder.iterdir()} == {
        "README.md",
        "access.yaml",
        "alerts.json",
        "definition.yaml",
        "kustomization.yaml",
    }


def test_its_page_is_a_paragraph_under_the_name_of_the_alert(entry: Entry) -> None:
    text = re.sub(r"```sh\n.*?```", "", (entry.folder / "README.md").read_text(), flags=re.DOTALL)
    heading, *paragraphs = [part for part in text.split("\n\n") if part.strip()]

    assert heading == f"# {alert_of(entry).name}"
    assert len(paragraphs) == 1
    assert entry.name == alert_of(entry).name.lower()


def test_its_example_finds_its_definition_and_is_taken_without_a_remark(entry: Entry) -> None:
    alert = alert_of(entry)

    assert entry.definition["metadata"]["name"] == definition_name(alert)
    assert entry.definition["metadata"]["namespace"] == NAMESPACE
    assert list(entry.definition["data"]) == [alert.name]
    assert built(entry)[1] == []


def test_its_example_looks_like_one_of_the_rule(entry: Entry) -> None:
    alert = alert_of(entry)

    assert alert.status == "firing"
    assert re.fullmatch("[0-9a-f]{16}", alert.fingerprint)
    assert {"alertname", "prometheus", "severity"} <= alert.labels.keys()
    assert {"description", "runbook_url", "summary"} == alert.source["annotations"].keys()


def rights(entry: Entry) -> set[tuple[str, str]]:
    """Return (verb, resource) of all that its account may be bound to."""
    return {
        (verb, resource)
        for each in entry.access
        for rule in each.get("rules", [])
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_it_has_a_row_in_the_table_that_says_what_it_may(entry: Entry) -> None:
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)/\) (.*)\|$", PAGE, re.M)
    [(name, row)] = [(name, row) for name, folder, row in rows if folder == entry.name]
    told = {
        (verb, resource)
        for part in row.split(" | ")[2].split("; ")
        for verb in re.findall(r"\b(?:get|list|create|patch|delete)\b", part)
        for resource in re.findall(r"pods/log|\b[a-z]+s\b", part)
    }

    assert name == alert_of(entry).name
    assert told == rights(entry)


def test_the_page_names_each_program_that_the_scripts_have() -> None:
    """The tests of the entries run them where there are no others."""
    [told] = re.findall(r"must have (.*?), such as", PAGE, re.DOTALL)

    assert re.findall(r"`(\w+)`", told) == ["sh", *containers.TOOLS]


def test_what_is_applied_binds_its_rights_nowhere(entry: Entry) -> None:
    kinds = {each["kind"] for each in entry.access}

    assert kinds <= {"ServiceAccount", "Role", "ClusterRole"}


def test_lint_finds_nothing(entry: Entry) -> None:
    ran = openfero("lint", entry.folder)

    assert (ran.returncode, ran.stdout) == (0, "")


# The guard rails.


def test_its_guard_rails_hold_on_the_example_and_bound_how_often_it_runs(entry: Entry) -> None:
    alert = alert_of(entry)
    rails = read_rails(entry.definition["metadata"]["annotations"], "firing")

    assert rails.subject
    assert set(rails.subject) <= alert.labels.keys()
    assert (rails.cooldown or 0) >= 30 * 60
    assert all(each.holds(alert.labels) for each in rails.match)


def test_what_changes_something_waits_for_a_person_and_what_only_looks_does_not(
    entry: Entry,
) -> None:
    changes = {
        (verb, resource)
        for verb, resource in rights(entry)
        if verb not in READS and (verb, resource) != ("create", "events")
    }

    assert entry.rails.get("mode") == ("approve" if changes else None)


def test_its_role_names_each_verb_and_each_resource_and_no_secret(entry: Entry) -> None:
    rules = [rule for each in entry.access for rule in each.get("rules", [])]

    assert rules
    for rule in rules:
        assert rule.keys() <= {"apiGroups", "resources", "verbs", "resourceNames"}
        words = {word for part in rule.values() for word in part}
        assert not words & {"*", "secrets", "serviceaccounts/token", "escalate", "bind"}


def test_its_account_is_its_own_and_is_admitted_by_the_limits_of_confine(entry: Entry) -> None:
    accounts = [each for each in entry.access if each["kind"] == "ServiceAccount"]
    limits = yaml.safe_load(LIMITS.read_text())["data"]["service-accounts"]

    assert [each["metadata"] for each in accounts] == [
        {"name": entry.account, "namespace": NAMESPACE}
    ]
    assert entry.account == f"openfero-{entry.name}"
    assert entry.account in limits.split()


# The Job.


def test_its_job_ends_and_is_not_tried_for_ever(entry: Entry) -> None:
    spec = entry.job["spec"]

    assert spec["activeDeadlineSeconds"] <= 900
    # What a person has approved is one try.
    assert spec["backoffLimit"] <= (0 if entry.rails.get("mode") == "approve" else 2)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_its_image_has_a_version(entry: Entry) -> None:
    """And perhaps a digest."""
    assert re.fullmatch(
        r"[a-z0-9/.-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", entry.container["image"]
    )


def test_lint_finds_nothing_when_it_is_pinned_either(entry: Entry, tmp_path: Path) -> None:
    image = entry.container["image"]
    pinned = f"{image.partition('@')[0]}@sha256:{'0' * 64}"
    text = (entry.folder / "definition.yaml").read_text().replace(image, pinned)
    (tmp_path / "definition.yaml").write_text(text)

    assert openfero("lint", tmp_path).returncode == 0
    assert pinned in text


def test_its_container_has_its_limits(entry: Entry) -> None:
    resources = entry.container["resources"]

    assert resources["requests"].keys() == {"cpu", "memory"}
    assert "memory" in resources["limits"]


# The script.


def test_its_script_ends_at_a_failure_and_at_a_label_that_is_not_there(entry: Entry) -> None:
    assert entry.container["command"] == ["sh", "-euc"]
    assert entry.container["args"] == [entry.script]


def test_its_script_names_no_variable_that_the_example_does_not_bring(entry: Entry) -> None:
    [container] = built(entry)[0]["spec"]["template"]["spec"]["containers"]

    told = {each["name"] for each in container["env"]}

    assert set(re.findall(r"OPENFERO_\w+", entry.script)) <= told


def test_kubernetes_puts_no_label_into_its_script(entry: Entry) -> None:
    [container] = built(entry)[0]["spec"]["template"]["spec"]["containers"]
    told = dict.fromkeys(containers.variables(container), "a label")

    assert containers.expand(entry.script, told) == entry.script


def test_its_script_is_posix(entry: Entry) -> None:
    dash = shutil.which("dash")
    if not dash:
        pytest.skip("needs dash, the plainest sh: apt-get install dash")

    checked = subprocess.run([dash, "-n"], input=entry.script, capture_output=True, text=True)

    assert (checked.returncode, checked.stderr) == (0, "")


def test_shellcheck_finds_nothing_and_each_variable_is_quoted(entry: Entry) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    if not shellcheck.exists():
        pytest.skip("needs shellcheck: install the extra `check`")

    # SC2016: a `$` in single quotes is one of a template, or of awk.
    options = ("--shell=sh", "--enable=quote-safe-variables", "--exclude=SC2016")
    checked = subprocess.run(
        [shellcheck, *options, "-"],
        input=entry.script,
        capture_output=True,
        text=True,
    )

    assert checked.stdout + checked.stderr == ""


def test_a_label_that_is_a_word_of_kubectl_stands_behind_two_dashes(entry: Entry) -> None:
    script = re.sub(r"<<(\w+)\n.*?\n\1\n", "\n", entry.script, flags=re.DOTALL)
    for found in A_LABEL_AS_A_WORD.finditer(script):
        before = script[: found.start() + 1]
        [*_, command] = A_COMMAND.finditer(before)
        if command[1] == "kubectl":
            assert re.search(r"\s--\s", before[command.start() :]), found


# What the API server says.


@pytest.fixture(scope="module")
def kubectl(
    needs_control_plane: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubectl]:
    """A control plane of its own, with the base and what confines it: nothing to clean up."""
    home = tmp_path_factory.mktemp("starter-pack")
    with control_plane.running(home) as plane:
        kubectl = Kubectl(plane.write_kubeconfig(home / "kubeconfig", namespace=NAMESPACE), home)
        confined = build(home, with_components("confine"))
        ours = [each for each in confined if not each["apiVersion"].startswith("serving.knative")]
        kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(ours))
        until(lambda: "'openfero-creates'" in refusal(kubectl, a_manifest()), "it is in force")
        yield kubectl


def refusal(kubectl: Kubectl, job: dict[str, Any]) -> str:
    """Why the function may not create such a Job, or what it is warned of, or nothing."""
    create = ("create", "--dry-run=server", "--validate=strict", f"--as={FUNCTION}", "-f", "-")
    return kubectl(*create, stdin=job, check=False).stderr


def test_the_whole_pack_is_taken_strictly_and_without_a_warning(kubectl: Kubectl) -> None:
    ran = kubectl("apply", "--validate=strict", "--dry-run=server", "-k", PACK)

    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == 1 + sum(1 + len(Entry(each).access) for each in ENTRIES)


def test_confined_the_function_may_create_its_job_and_is_warned_of_nothing(
    kubectl: Kubectl, entry: Entry
) -> None:
    job = built(entry)[0]
    another = copy.deepcopy(job)
    another["spec"]["template"]["spec"]["serviceAccountName"] += "-2"

    assert refusal(kubectl, job) == ""
    assert f"the account {entry.account}-2 is not one of service-accounts" in refusal(
        kubectl, another
    )


@pytest.fixture(scope="module")
def restricted(kubectl: Kubectl) -> str:
    """A namespace that takes no pod but a restricted one, with the accounts of the pack."""
    namespace = "restricted"
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    for name in ENTRIES:
        kubectl("create", "serviceaccount", Entry(name).account, "-n", namespace)
    return namespace


def test_pod_security_restricted_admits_its_pod(
    kubectl: Kubectl, entry: Entry, restricted: str
) -> None:
    template = built(entry)[0]["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]}
    pod["metadata"] = {**template["metadata"], "name": "repair", "namespace": restricted}
    create = ("create", "--dry-run=server", "--validate=strict", "-f", "-")

    admitted = kubectl(*create, stdin=pod)
    del template["spec"]["containers"][0]["securityContext"]
    refused = kubectl(*create, stdin=pod, check=False)

    assert admitted.stderr == ""
    assert 'violates PodSecurity "restricted:latest"' in refused.stderr

"""`openfero simulate`: what would become of each alert, said by the function's own core."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Define
from function_process import ROOT, FunctionProcess
from kube import Kube
from make import (
    MANIFEST,
    a_config_map,
    a_container,
    a_manifest,
    alert_json,
    event_json,
    notification_json,
    rails,
)
from openfero import Ran, documents, openfero
from proxy import FaultProxy
from waiting import until
from wire import post

NAME = "KubeQuotaAlmostFull"
EARLIER = "2026-11-22T00:00:00Z"


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """A file with the definition of KubeQuotaAlmostFull, firing."""
    return write(tmp_path / "definition.yaml", a_config_map())


def write(path: Path, *objects: Any) -> Path:
    path.write_text(yaml.safe_dump_all(objects))
    return path


def alert(status: str = "firing", **fields: Any) -> dict[str, Any]:
    labels = {"alertname": "KubeQuotaAlmostFull", **fields.pop("labels", {})}
    return alert_json(status=status, labels=labels, **fields)


def notify(*alerts: dict[str, Any]) -> str:
    return json.dumps(notification_json(*(alerts or [alert()])))


def simulate(definition: Path, *options: object, stdin: str = "", **environ: str) -> Ran:
    """Simulate the notification of standard input."""
    return openfero("simulate", "-", definition, *options, stdin=stdin or notify(), **environ)


def outcomes(ran: Ran) -> list[dict[str, Any]]:
    assert ran.stderr == ""
    told: list[dict[str, Any]] = json.loads(ran.stdout)["outcomes"]
    return told


def words(ran: Ran) -> list[str]:
    return [outcome["outcome"] for outcome in outcomes(ran)]


def guarded(tmp_path: Path, **annotations: str) -> Path:
    return write(tmp_path / "guarded.yaml", a_config_map(annotations=rails(**annotations)))


def past_of(definition: Path, age: timedelta, *alerts: dict[str, Any], **status: Any) -> Path:
    """Write the Jobs that these alerts once led to, as kubectl prints them."""
    jobs = documents(simulate(definition, "-o", "yaml", stdin=notify(*alerts)))
    created = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    for job in jobs:
        job["metadata"]["creationTimestamp"] = created
        job["status"] = status
    path = definition.with_name("past.yaml")
    return write(path, {"apiVersion": "v1", "kind": "List", "items": jobs})


ENDED = {"conditions": [{"type": "Complete", "status": "True"}]}
HOUR = timedelta(hours=1)


class TestWhatItSays:
    def test_a_table_with_the_reason_below_each_line(self, definition: Path) -> None:
        ran = simulate(definition, stdin=notify(alert(), alert("resolved")))

        heading, created, by, nothing, why = ran.stdout.splitlines()
        assert (ran.returncode, ran.stderr) == (0, "")
        assert heading.split() == ["ALERT", "STATUS", "OUTCOME", "JOB"]
        assert created.split()[:3] == ["KubeQuotaAlmostFull", "firing", "created"]
        assert created.split()[3].startswith("openfero-kubequotaalmostfull-firing-")
        assert by == "  by openfero-kubequotaalmostfull-firing"
        assert nothing.split() == ["KubeQuotaAlmostFull", "resolved", "no-definition", "-"]
        assert "there is no ConfigMap openfero-kubequotaalmostfull-resolved" in why

    @pytest.mark.parametrize(("columns", "widest"), [("60", 80), ("100", 100), ("500", 120)])
    def test_a_reason_is_as_wide_as_can_be_read(
        self, tmp_path: Path, columns: str, widest: int
    ) -> None:
        manifest = a_manifest({f"unknownField{number}": 1 for number in range(10)})
        definition = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        ran = simulate(definition, COLUMNS=columns)

        reason = ran.stdout.splitlines()[2:]
        assert "unknownField9" in reason[-1]
        assert widest - 40 < max(map(len, reason)) <= widest

    def test_json_is_the_answer_of_the_function(
        self, function: str, kube: Kube, define: Define, alertname: str, tmp_path: Path
    ) -> None:
        sent = notification_json(alert_json(labels={"alertname": alertname}))
        name = define(alertname, manifest=a_manifest({"imagePullPolicy": "Always"}))
        given = write(tmp_path / "d.yaml", kube.get("configmaps", name))

        ran = simulate(given, "-o", "json", "-n", kube.namespace, stdin=json.dumps(sent))

        assert outcomes(ran) == post(function, sent).outcomes

    def test_hostile_text_cannot_move_the_cursor(self, definition: Path) -> None:
        ran = simulate(definition, stdin=notify(alert(labels={"alertname": "\x1b[2J\n\x07"})))

        assert ran.stdout.isascii()
        assert "\x1b" not in ran.stdout
        assert "\x07" not in ran.stdout

    def test_a_notification_without_alerts_is_settled(self, definition: Path) -> None:
        ran = simulate(definition, stdin=json.dumps({"alerts": []}))

        assert (ran.returncode, ran.stdout) == (0, "no alerts are in it\n")

    def test_the_same_question_has_the_same_answer(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, subject="namespace", cooldown="1h")
        many = [alert(labels={"namespace": "shop", "pod": f"web-{n}"}) for n in range(9)]

        told = {simulate(definition, "-o", "yaml", stdin=notify(*many)).stdout for _ in range(3)}

        assert len(told) == 1


class TestTheJob:
    def test_it_is_what_a_running_function_sends_for_the_same_notification(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
        tmp_path: Path,
    ) -> None:
        labels = {"alertname": alertname, "pod": "$(HOME) \"'\n🔥", "number": "1e3", "yes": "y"}
        sent = notification_json(alert_json(labels=labels))
        name = define(alertname, annotations=rails(max_runs="3/24h", subject="pod"))
        given = write(tmp_path / "d.yaml", kube.get("configmaps", name))
        del proxy.requests[:]

        ran = simulate(given, "-o", "yaml", "-n", kube.namespace, stdin=json.dumps(sent))
        response = post(proxied.url, sent)

        [simulated] = documents(ran)
        [created] = [json.loads(each.body) for each in proxy.requests if each.is_create]
        assert response.words == ["created"]
        assert simulated == created

    def test_it_is_the_job_in_the_cluster_but_for_what_the_api_server_adds(
        self, function: str, kube: Kube, define: Define, alertname: str, tmp_path: Path
    ) -> None:
        sent = notification_json(alert_json(labels={"alertname": alertname, "pod": "web-0"}))
        name = define(alertname)
        given = write(tmp_path / "d.yaml", kube.get("configmaps", name))
        job = post(function, sent).outcomes[0]["job"]
        stored = kube.get("jobs", job)
        kube.delete("jobs", job)
        until(lambda: not kube.jobs(name), "it is gone")

        ran = simulate(given, "-o", "yaml", "-n", kube.namespace, stdin=json.dumps(sent))
        [simulated] = documents(ran)

        assert without_own_traits(kube.create("jobs", simulated)) == without_own_traits(stored)

    @pytest.mark.parametrize("text", ["1e3", "0o17", "y", "no", "2026-01-01", "1:30", " a", "~"])
    def test_what_looks_like_something_else_stays_text(self, tmp_path: Path, text: str) -> None:
        container = a_container(env=[{"name": "A", "value": text}])
        manifest = a_manifest({"containers": [container]})
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        ran = simulate(given, "-o", "yaml")

        [line] = [line for line in ran.stdout.splitlines() if line.strip() == value_line(text)]
        assert line

    def test_a_script_stands_line_by_line(self, tmp_path: Path) -> None:
        container = a_container(args=["set -eu\necho a\n"])
        manifest = a_manifest({"containers": [container]})
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        ran = simulate(given, "-o", "yaml")

        lines = [line.strip() for line in ran.stdout.splitlines()]
        assert lines[lines.index("- |") :][:3] == ["- |", "set -eu", "echo a"]

    def test_the_table_is_on_standard_error_so_that_an_alert_without_a_job_is_heard_of(
        self, definition: Path
    ) -> None:
        ran = simulate(definition, "-o", "yaml", stdin=notify(alert("resolved")))

        assert ran.stdout == ""
        assert "no-definition" in ran.stderr
        assert ran.stderr == simulate(definition, stdin=notify(alert("resolved"))).stdout

    def test_several_are_several_documents(self, definition: Path) -> None:
        two = notify(alert(labels={"pod": "a"}), alert(labels={"pod": "b"}), alert("resolved"))

        jobs = documents(simulate(definition, "-o", "yaml", stdin=two))

        assert [job["kind"] for job in jobs] == ["Job", "Job"]
        assert jobs[0]["metadata"]["name"] != jobs[1]["metadata"]["name"]


def value_line(text: str) -> str:
    quote = '"' if text[0] in "012y" else "'"
    return f"value: {quote}{text}{quote}"


def without_own_traits(job: dict[str, Any]) -> dict[str, Any]:
    """A stored Job without what each has for itself: identity, times, state."""
    metadata, spec = job["metadata"], job["spec"]
    for name in ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields"):
        metadata.pop(name, None)
    spec.pop("selector")
    for labels in (metadata["labels"], spec["template"]["metadata"]["labels"]):
        for name in [name for name in labels if name.endswith("controller-uid")]:
            del labels[name]
    job.pop("status")
    return job


class TestOutcomes:
    def test_each_alert_of_a_group_has_its_own(self, definition: Path) -> None:
        two = notify(alert(labels={"pod": "a"}), alert(labels={"pod": "a"}), alert("resolved"))

        assert words(simulate(definition, "-o", "json", stdin=two)) == [
            "created",
            "exists",
            "no-definition",
        ]

    def test_a_broken_definition_is_1_and_says_why(self, tmp_path: Path) -> None:
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": "a: ["}))

        ran = simulate(given)

        assert (ran.returncode, ran.stderr) == (1, "")
        assert "broken" in ran.stdout
        assert "YAML: line 2" in ran.stdout

    def test_what_the_api_server_refuses_is_broken_and_no_job(self, tmp_path: Path) -> None:
        manifest = a_manifest({"restartPolicy": "Always"})
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        told = simulate(given, "-o", "json")
        jobs = simulate(given, "-o", "yaml")

        assert "restartPolicy" in outcomes(told)[0]["message"]
        assert (jobs.returncode, jobs.stdout) == (1, "")

    @pytest.mark.parametrize(
        ("part", "says"),
        [
            ({"data": {"job.yaml": a_manifest()}}, "data: job.yaml must be a text: put |"),
            ({"labels": {"openfero/job-disabled": True}}, "job-disabled must be a text: quote it"),
            ({"annotations": {"openfero.io/max-runs": 3}}, "max-runs must be a text: quote it"),
            (
                {"annotations": ["openfero.io/mode"]},
                "metadata.annotations of the ConfigMap must be",
            ),
        ],
    )
    def test_what_cannot_be_stored_as_a_config_map_is_broken(
        self, tmp_path: Path, part: dict[str, Any], says: str
    ) -> None:
        given = write(tmp_path / "d.yaml", a_config_map(**part))

        ran = simulate(given, "-o", "json")

        assert (ran.returncode, words(ran)) == (1, ["broken"])
        assert says in outcomes(ran)[0]["message"]

    @pytest.mark.parametrize(
        ("part", "word"),
        [
            ({"labels": {"team": None}, "annotations": {"note": None}}, "created"),
            ({"labels": None, "annotations": None}, "created"),
            ({"labels": {"openfero/job-disabled": None}}, "broken"),
            ({"annotations": {"openfero.io/subject": None}}, "broken"),
            ({"data": {"KubeQuotaAlmostFull": None}}, "broken"),
        ],
    )
    def test_a_null_is_the_empty_text_that_the_api_server_makes_of_it(
        self, kube: Kube, tmp_path: Path, part: dict[str, Any], word: str
    ) -> None:
        config_map = a_config_map(**part)
        given = write(tmp_path / "d.yaml", config_map)
        stored = write(tmp_path / "stored.yaml", kube.create("configmaps", config_map))
        kube.delete("configmaps", config_map["metadata"]["name"])

        ran = openfero("simulate", NAME, given, "-o", "json")

        assert words(ran) == [word]
        assert openfero("simulate", NAME, stored, "-n", kube.namespace, "-o", "json").stdout == (
            ran.stdout
        )

    def test_a_definition_that_is_switched_off_says_so(self, tmp_path: Path) -> None:
        off = a_config_map(labels={"openfero/job-disabled": "true"})

        ran = simulate(write(tmp_path / "d.yaml", off))

        assert "disabled" in ran.stdout
        assert "has the label openfero/job-disabled" in ran.stdout

    def test_an_alert_that_does_not_match_says_so(self, tmp_path: Path) -> None:
        ran = simulate(guarded(tmp_path, match="severity=critical"))

        assert "no-match" in ran.stdout
        assert "its labels do not fit openfero.io/match" in ran.stdout

    def test_unknown_fields_are_a_warning_and_refused_when_strict(self, tmp_path: Path) -> None:
        manifest = a_manifest({"imagePullPolicy": "Always"})
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        lenient, strict = simulate(given), simulate(given, "--strict")

        assert lenient.returncode == 0
        assert 'unknown field "spec.template.spec.imagePullPolicy"' in lenient.stdout
        assert strict.returncode == 1
        assert simulate(given, OPENFERO_STRICT="true").stdout == strict.stdout

    def test_a_job_in_another_namespace_is_broken_unless_it_is_named(self, tmp_path: Path) -> None:
        manifest = a_manifest()
        manifest["metadata"]["namespace"] = "shop"
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        assert words(simulate(given, "-o", "json")) == ["broken"]
        assert words(simulate(given, "-o", "json", "-n", "shop")) == ["created"]
        assert words(simulate(given, "-o", "json", OPENFERO_JOBS_NAMESPACE="shop")) == ["created"]


class TestSettings:
    """They are the function's own, and an option has the last word."""

    @pytest.mark.parametrize("word", ["Audit", "AUDIT"])
    def test_the_mode_is_read_as_the_function_reads_it(self, definition: Path, word: str) -> None:
        ran = simulate(definition, "-o", "json", OPENFERO_MODE=word)
        overridden = simulate(definition, "-o", "json", "--mode", "Run", OPENFERO_MODE=word)

        assert words(ran) == ["would-create"]
        assert words(overridden) == ["created"]

    def test_strict_can_be_taken_back(self, tmp_path: Path) -> None:
        manifest = a_manifest({"imagePullPolicy": "Always"})
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        assert words(simulate(given, "-o", "json", OPENFERO_STRICT="TRUE")) == ["broken"]
        taken_back = simulate(given, "-o", "json", "--no-strict", OPENFERO_STRICT="true")
        assert words(taken_back) == ["created"]

    @pytest.mark.parametrize(
        ("setting", "says"),
        [
            ({"OPENFERO_MODE": "walk"}, "OPENFERO_MODE is 'walk': must be one of run, "),
            ({"OPENFERO_STRICT": "1"}, "OPENFERO_STRICT is '1': must be true or false"),
            ({"OPENFERO_MODUS": "run"}, "OPENFERO_MODUS is no setting; there are "),
        ],
    )
    def test_what_the_function_would_not_start_with_is_2_in_its_words(
        self, definition: Path, setting: dict[str, str], says: str
    ) -> None:
        ran = simulate(definition, **setting)

        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith(f"Error: {says}")


class TestNamespaces:
    def test_the_definition_of_the_namespace_comes_before_one_of_another(
        self, tmp_path: Path
    ) -> None:
        elsewhere = a_config_map({"job.yaml": "a: ["})
        elsewhere["metadata"]["namespace"] = "elsewhere"
        given = write(tmp_path / "d.yaml", elsewhere, a_config_map())

        [outcome] = outcomes(simulate(given, "-o", "json"))

        assert (outcome["outcome"], outcome["message"]) == ("created", "")

    def test_one_of_another_is_taken_as_if_it_were_moved_and_the_reason_says_so(
        self, tmp_path: Path
    ) -> None:
        elsewhere = a_config_map()
        elsewhere["metadata"]["namespace"] = "elsewhere"
        given = write(tmp_path / "d.yaml", elsewhere)

        [outcome] = outcomes(simulate(given, "-o", "json"))
        [at_home] = outcomes(simulate(given, "-o", "json", "-n", "elsewhere"))

        told = "is in the namespace elsewhere; the function looks only in openfero-jobs"
        assert outcome["outcome"] == "created"
        assert told in outcome["message"]
        assert at_home["message"] == ""

    def test_of_two_others_none_is_taken(self, tmp_path: Path) -> None:
        others = [a_config_map(), a_config_map()]
        for config_map, namespace in zip(others, "ab", strict=True):
            config_map["metadata"]["namespace"] = namespace

        ran = simulate(write(tmp_path / "d.yaml", *others))

        assert ran.returncode == 2
        assert "leave one out" in ran.stderr

    def test_other_config_maps_may_have_one_name_in_every_namespace(self, tmp_path: Path) -> None:
        others = [a_config_map(name="kube-root-ca.crt") for _ in range(2)]

        ran = simulate(write(tmp_path / "d.yaml", a_config_map(), *others), "-o", "json")

        assert words(ran) == ["created"]

    def test_a_job_of_the_past_of_another_does_not_count(self, definition: Path) -> None:
        past = past_of(definition, HOUR)
        listed = yaml.safe_load(past.read_text())
        listed["items"][0]["metadata"]["namespace"] = "elsewhere"
        write(past, listed)

        assert words(simulate(definition, "--past", past, "-o", "json")) == ["created"]


class TestGuardRails:
    def test_several_alerts_of_one_subject_get_one_job(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, subject="namespace", cooldown="1h")
        three = [alert(labels={"namespace": "shop", "pod": f"web-{n}"}) for n in range(3)]

        first, *others = outcomes(simulate(definition, "-o", "json", stdin=notify(*three)))

        assert first["outcome"] == "created"
        assert [each["outcome"] for each in others] == ["cooling-down"] * 2
        assert {each["job"] for each in others} == {first["job"]}
        assert "3600 s of the cooldown are left" in others[0]["message"]

    def test_the_mode_approve_makes_a_job_that_waits(self, definition: Path) -> None:
        ran = simulate(definition, "--mode", "approve")
        [job] = documents(simulate(definition, "-o", "yaml", OPENFERO_MODE="approve"))

        assert "suspended until a person approves it" in ran.stdout
        assert job["spec"]["suspend"] is True

    def test_audit_says_what_would_be_and_shows_the_job(self, definition: Path) -> None:
        twice = notify(alert(), alert())
        ran = simulate(definition, "--mode", "audit", "-o", "json", stdin=twice)
        [job, _] = documents(simulate(definition, "--mode=audit", "-o", "yaml", stdin=twice))

        assert words(ran) == ["would-create", "would-create"]
        assert job["metadata"]["name"] == outcomes(ran)[0]["job"]

    def test_in_audit_what_would_be_refused_is_no_failure(self, tmp_path: Path) -> None:
        manifest = a_manifest({"restartPolicy": "Always"})
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        ran = simulate(given, "-o", "json", OPENFERO_MODE="audit")

        assert (ran.returncode, words(ran)) == (0, ["would-refuse"])

    def test_a_job_of_the_past_exists(self, definition: Path) -> None:
        past = past_of(definition, HOUR)

        assert words(simulate(definition, "--past", past, "-o", "json")) == ["exists"]

    def test_a_run_of_the_past_cools_down_by_its_age(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, cooldown="2h")
        past = past_of(definition, HOUR, alert(startsAt=EARLIER), **ENDED)

        ran = simulate(definition, "--past", past, "-o", "json")
        past_of(definition, 3 * HOUR, alert(startsAt=EARLIER), **ENDED)
        later = simulate(definition, "--past", past, "-o", "json")

        assert words(ran) == ["cooling-down"]
        assert "had a run 360" in outcomes(ran)[0]["message"]
        assert words(later) == ["created"]

    def test_one_run_too_many_waits_for_a_person(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, max_runs="1/24h")
        past = past_of(definition, HOUR, alert(startsAt=EARLIER), **ENDED)

        ran = simulate(definition, "--past", past)
        [job] = documents(simulate(definition, "--past", past, "-o", "yaml"))

        assert "suspended until a person approves it: its subject had 1 runs" in ran.stdout
        assert job["metadata"]["labels"]["openfero.io/run"] == "2"

    def test_while_one_waits_there_is_no_other(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, mode="approve")
        past = past_of(definition, HOUR, alert(startsAt=EARLIER))

        assert words(simulate(definition, "--past", past, "-o", "json")) == ["needs-approval"]

    def test_an_episode_that_is_due_runs_again(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, rerun_after="30m")
        running = past_of(definition, HOUR)
        still = words(simulate(definition, "--past", running, "-o", "json"))
        ended = past_of(definition, HOUR, **ENDED)

        assert still == ["exists"]
        assert words(simulate(definition, "--past", ended, "-o", "json")) == ["created"]

    def test_a_resolved_alert_cancels_what_still_runs(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, on_resolved="cancel")
        past = past_of(definition, HOUR)
        resolved = notify(alert("resolved"))

        ran = simulate(definition, "--past", past, stdin=resolved)
        past_of(definition, HOUR, **ENDED)
        ended = simulate(definition, "--past", past, "-o", "json", stdin=resolved)

        assert "cancelled" in ran.stdout
        assert "its alert has resolved, and the job still ran" in ran.stdout
        assert words(ended) == ["no-definition"]

    def test_a_resolved_alert_declines_what_waits(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, mode="approve")
        past = past_of(definition, HOUR)

        ran = simulate(definition, "--past", past, "-o", "json", stdin=notify(alert("resolved")))

        assert words(ran) == ["declined"]

    def test_what_was_created_and_ended_in_one_notification_is_remembered(
        self, tmp_path: Path
    ) -> None:
        definition = guarded(tmp_path, on_resolved="cancel")
        both = notify(alert(), alert("resolved"), alert("resolved"))

        told = words(simulate(definition, "-o", "json", stdin=both))

        assert told == ["created", "cancelled", "no-definition"]

    @pytest.mark.parametrize("form", ["list", "documents", "json"])
    def test_the_past_is_taken_as_kubectl_prints_it(self, definition: Path, form: str) -> None:
        past = past_of(definition, HOUR)
        items = yaml.safe_load(past.read_text())["items"]
        if form == "documents":
            write(past, *items)
        if form == "json":
            past.write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))

        assert words(simulate(definition, "--past", past, "-o", "json")) == ["exists"]


class TestAnAlertByItsName:
    def test_it_gets_a_notification_of_one_firing_alert(self, definition: Path) -> None:
        [outcome] = outcomes(openfero("simulate", "KubeQuotaAlmostFull", definition, "-o", "json"))

        assert (outcome["outcome"], outcome["status"]) == ("created", "firing")

    def test_it_has_the_labels_that_its_definition_asks_for(self, tmp_path: Path) -> None:
        match = 'severity="critical", team!="infra", namespace!=""'
        definition = guarded(tmp_path, subject="pod, container", match=match)

        [job] = documents(openfero("simulate", "KubeQuotaAlmostFull", definition, "-o", "yaml"))

        assert labels_of(job) == {
            "alertname": "KubeQuotaAlmostFull",
            "severity": "critical",
            "namespace": "some-namespace",
            "pod": "some-pod",
            "container": "some-container",
        }

    def test_it_has_the_labels_that_are_given(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, subject="pod")
        given = ("--label", "pod=web-0", "--label", "query=a=b")

        [job] = documents(
            openfero("simulate", "KubeQuotaAlmostFull", definition, *given, "-o", "yaml")
        )

        assert labels_of(job) == {
            "alertname": "KubeQuotaAlmostFull",
            "pod": "web-0",
            "query": "a=b",
        }

    def test_it_resolves_when_asked_to(self, tmp_path: Path) -> None:
        name = "openfero-kubequotaalmostfull-resolved"
        definition = write(tmp_path / "d.yaml", a_config_map(name=name))

        ran = openfero("simulate", "KubeQuotaAlmostFull", definition, "--status=resolved")

        assert f"by {name}" in ran.stdout

    def test_a_file_of_that_name_is_a_file(self, definition: Path, tmp_path: Path) -> None:
        (tmp_path / "KubeQuotaAlmostFull").write_text(notify(alert("resolved")))

        ran = openfero("simulate", "KubeQuotaAlmostFull", definition.name, cwd=tmp_path)

        assert "resolved" in ran.stdout

    def test_a_folder_of_that_name_is_no_file(self, definition: Path, tmp_path: Path) -> None:
        (tmp_path / NAME).mkdir()

        assert "created" in openfero("simulate", NAME, definition.name, cwd=tmp_path).stdout

    def test_it_may_have_a_slash_in_it(self, tmp_path: Path) -> None:
        config_map = a_config_map({"job.yaml": MANIFEST}, name="openfero-shop-down-firing")
        given = write(tmp_path / "d.yaml", config_map)

        ran = openfero("simulate", "shop/down", given)

        assert "by openfero-shop-down-firing" in ran.stdout

    def test_the_other_status_of_a_definition_is_an_answer(self, definition: Path) -> None:
        ran = openfero("simulate", NAME, definition, "--status", "resolved")

        assert (ran.returncode, ran.stderr) == (0, "")
        assert "no-definition" in ran.stdout

    def test_a_definition_that_cannot_be_read_is_told_as_broken(self, tmp_path: Path) -> None:
        definition = guarded(tmp_path, subject=",")

        ran = openfero("simulate", "KubeQuotaAlmostFull", definition)

        assert ran.returncode == 1
        assert "annotation openfero.io/subject must be label names" in ran.stdout


def labels_of(job: dict[str, Any]) -> dict[str, str]:
    """The labels of the alert, as its Job is told."""
    text = job["spec"]["template"]["metadata"]["annotations"]["openfero.io/alert"]
    labels: dict[str, str] = json.loads(text)["labels"]
    return labels


class TestWhatIsGiven:
    def test_a_folder_with_other_objects_and_a_file_of_the_project(self) -> None:
        ran = openfero(
            "simulate", ROOT / "test/alerts.json", ROOT / "knative/definitions", "-o", "json"
        )

        assert words(ran) == ["created", "created", "no-definition", "no-definition"]

    def test_definitions_from_standard_input(self, definition: Path) -> None:
        listed = {"kind": "List", "items": [yaml.safe_load(definition.read_text())]}

        ran = openfero("simulate", "KubeQuotaAlmostFull", "-", stdin=json.dumps(listed))

        assert "created" in ran.stdout

    def test_a_structured_cloud_event(self, definition: Path) -> None:
        ran = simulate(definition, "-o", "json", stdin=json.dumps(event_json()))

        assert words(ran) == ["created"]

    @pytest.mark.parametrize(
        ("notification", "says"),
        [
            ("[", "-: not JSON: "),
            ("{}", "-: not a notification of Alertmanager: alerts must be a list"),
            ('{"alerts": [{"status": 1}]}', "-: alerts[0]: status must be a string"),
            ('{"specversion": "1.0"}', "-: not a CloudEvent: "),
            ("[" * 300_000, "-: not JSON that can be read: nested too deep"),
        ],
    )
    def test_what_the_function_would_not_take_is_2_in_its_own_words(
        self, definition: Path, notification: str, says: str
    ) -> None:
        ran = simulate(definition, stdin=notification)

        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith(f"Error: {says}")
        assert ran.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["none.json", "d.yaml"], "cannot read the notification none.json: No such file"),
            (["A", "none.yaml"], "cannot read none.yaml"),
            (["A", "job.yaml"], "there is no definition: no ConfigMap"),
            (["A", "bad.txt"], "bad.txt:1: YAML: line 2"),
            (["A", "."], "stands in d.yaml:1 and in e.yaml:1: leave one out"),
            (["-", "-"], "only one of them can be -"),
            ([NAME, "d.yaml", "--past", "d.yaml"], "d.yaml:1: this is no Job of a cluster"),
            ([NAME, "d.yaml", "--past", "job.yaml"], "job.yaml:1: this is no Job of a cluster"),
            ([NAME, "d.yaml", "--label", "pod"], "--label pod: must be NAME=VALUE"),
            ([NAME, "d.yaml", "--label", "alertname=B"], "of another label than alertname"),
            ([NAME, "d.yaml", "--label", "a=\udcff"], r"--label 'a=\udcff' is not UTF-8"),
            (["A\udcff", "d.yaml"], r"the alert name 'A\udcff' is not UTF-8"),
            (["a" * 300, "d.yaml"], f"nor is there a file {'a' * 300}"),
            (["🔥", "d.yaml"], "no ConfigMap of that name, nor is there a file 🔥"),
            (["alert.yaml", "d.yaml"], "cannot read the notification alert.yaml: No such file"),
            (
                ["shop/Down", "d.yaml"],
                "has no definition: there is no ConfigMap openfero-shop-down",
            ),
            (["shop/Down", "d.yaml"], "nor is there a file shop/Down"),
            (["n.json", "d.yaml", "--label", "a=b"], "--label and --status are for the name"),
            ([NAME, "d.yaml", "--server"], "no cluster: set KUBECONFIG"),
            (["A"], "Missing argument 'DEFINITION"),
            (["A", "d.yaml", "--mode", "walk"], "'walk' is not one of"),
        ],
    )
    def test_what_cannot_be_meant_is_2_and_says_so(
        self, tmp_path: Path, words: list[str], says: str
    ) -> None:
        write(tmp_path / "d.yaml", a_config_map())
        write(tmp_path / "e.yaml", a_config_map())
        (tmp_path / "job.yaml").write_text(MANIFEST)
        (tmp_path / "bad.txt").write_text("a: [")
        (tmp_path / "n.json").write_text(notify())

        ran = openfero("simulate", *words, cwd=tmp_path)

        assert (ran.returncode, ran.stdout) == (2, "")
        assert says in ran.stderr

    def test_its_help_begins_with_an_example(self) -> None:
        assert openfero("simulate", "--help").stdout.startswith("Example: openfero simulate ")


def test_no_proxy_and_no_cluster_of_the_environment_is_asked(definition: Path) -> None:
    nobody = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), nobody)

    ran = simulate(definition, "-o", "json", KUBECONFIG="/nowhere/config", **proxies)

    assert words(ran) == ["created"]


class TestServer:
    def test_its_own_jobs_are_the_past(
        self,
        function: str,
        kube: Kube,
        kubeconfig: Path,
        define: Define,
        alertname: str,
        tmp_path: Path,
    ) -> None:
        name = define(alertname, annotations=rails(cooldown="1h"))
        given = write(tmp_path / "d.yaml", kube.get("configmaps", name))
        labels = {"alertname": alertname}
        [made] = post(function, notification_json(alert_json(labels=labels))).outcomes

        next_episode = notify(alert(labels=labels, startsAt=EARLIER))
        ran = on_server(given, kube, kubeconfig, stdin=next_episode)

        [outcome] = outcomes(ran)
        assert (outcome["outcome"], outcome["job"]) == ("cooling-down", made["job"])

    def test_nothing_is_changed_whatever_would_become_of_the_alerts(
        self,
        function: str,
        kube: Kube,
        proxy: FaultProxy,
        proxy_kubeconfig: Path,
        define: Define,
        alertname: str,
        tmp_path: Path,
    ) -> None:
        name = define(alertname, annotations=rails(on_resolved="cancel"))
        given = write(tmp_path / "d.yaml", kube.get("configmaps", name))
        labels = {"alertname": alertname}
        [made] = post(function, notification_json(alert_json(labels=labels))).outcomes
        until(lambda: kube.events(name), "it is told")
        before = contents(kube, name)
        del proxy.requests[:]

        all_kinds = notify(
            alert(labels={**labels, "pod": "new"}),
            alert("resolved", labels=labels),
            alert("resolved", labels=labels),
            alert(labels={"alertname": "Unknown"}),
        )
        ran = on_server(given, kube, proxy_kubeconfig, stdin=all_kinds)

        told = ["created", "cancelled", "no-definition", "no-definition"]
        assert (words(ran), outcomes(ran)[1]["job"]) == (told, made["job"])
        assert contents(kube, name) == before
        writing = [each.path for each in proxy.requests if each.method != "GET"]
        assert len(writing) == 2
        assert all("dryRun=All" in path for path in writing)

    def test_a_mark_that_only_people_read_is_not_even_asked_for(
        self,
        kube: Kube,
        proxy: FaultProxy,
        proxy_kubeconfig: Path,
        tmp_path: Path,
    ) -> None:
        given = write(tmp_path / "d.yaml", a_config_map())
        del proxy.requests[:]

        on_server(given, kube, proxy_kubeconfig, stdin=notify(alert("resolved")))

        assert [each.method for each in proxy.requests] == ["GET"]

    def test_what_it_would_refuse_is_said_in_its_words(
        self, kube: Kube, kubeconfig: Path, tmp_path: Path
    ) -> None:
        manifest = a_manifest({"restartPolicy": "Sometimes"})
        given = write(tmp_path / "d.yaml", a_config_map({"job.yaml": json.dumps(manifest)}))

        ran = on_server(given, kube, kubeconfig, stdin=notify())

        assert (ran.returncode, words(ran)) == (1, ["broken"])
        assert "restartPolicy" in outcomes(ran)[0]["message"]

    def test_one_that_is_not_there_is_2(self, definition: Path, tmp_path: Path) -> None:
        own = tmp_path / ".kube" / "config"
        own.parent.mkdir()
        own.write_text(
            json.dumps(
                {
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
                    "users": [{"name": "u", "user": {}}],
                }
            )
        )

        ran = simulate(definition, "--server", HOME=str(tmp_path))

        assert (ran.returncode, ran.stdout) == (2, "")
        assert "http://127.0.0.1:9" in ran.stderr


def on_server(given: Path, kube: Kube, kubeconfig: Path, stdin: str) -> Ran:
    options = ("--server", "-n", kube.namespace, "-o", "json")
    return simulate(given, *options, stdin=stdin, KUBECONFIG=str(kubeconfig))


def contents(kube: Kube, definition: str) -> dict[str, list[dict[str, Any]]]:
    """All that the namespace holds, but for what others do meanwhile: status, pods, their Events."""
    jobs = [
        {"spec": job["spec"], "metadata": job["metadata"]}
        for job in kube.list("jobs")
        if "deletionTimestamp" not in job["metadata"]
    ]
    for job in jobs:
        for changing in ("resourceVersion", "managedFields"):
            job["metadata"].pop(changing, None)
    return {"configmaps": kube.list("configmaps"), "events": kube.events(definition), "jobs": jobs}

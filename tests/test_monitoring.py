"""What is told of repairs: each rule fires when it should, and no panel of the dashboard is empty."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alertmanagers
import crds
import monitoring
import pytest
import yaml
from chain import need_release, outcomes, write_token
from conftest import NAMESPACE, Define
from function_process import free_port, running
from kube import Kube
from kube_state import Series, series, written
from kubectl import Kubectl, documents
from make import a_manifest
from monitoring import DASHBOARD, RULES, SHOWN, Fired, Timeline, firing, timeline
from overlays import write_overlay
from waiting import until

pytestmark = pytest.mark.monitoring

FAILED, WAITS, WITHOUT_POD, LONG, IN_VAIN, UNSEEN, REFUSED, FAIL, WATCHDOG, UNPROVEN = (
    f"Openfero{name}"
    for name in (
        "RepairFailed",
        "RepairWaits",
        "RepairWithoutPod",
        "RepairRunsLong",
        "RepairDidNotHelp",
        "RepairsUnseen",
        "NotificationsRefused",
        "NotificationsFail",
        "Watchdog",
        "WayUnproven",
    )
)
ALWAYS = {Fired(WATCHDOG)}
# What is told of the way needs Alertmanager, which tests of Jobs leave out.
OF_JOBS = {FAILED, WAITS, WITHOUT_POD, LONG, IN_VAIN, UNSEEN}


# Jobs at a moment, as the API server has them. Minute 0 is 1970, as it is for promtool.


def at(minute: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(60 * minute))


def a_job(
    name: str = "job-1",
    created: int = 0,
    started: int | None = 0,
    ended: str = "",
    reason: str = "",
    deadline: int = 600,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **status: Any,
) -> dict[str, Any]:
    if started is not None:
        status["startTime"] = at(started)
    if ended:
        status["conditions"] = [{"type": ended, "status": "True", "reason": reason}]
    if ended == "Complete":
        status["completionTime"] = at(created)
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "creationTimestamp": at(created),
            "labels": {
                "app.kubernetes.io/managed-by": "openfero",
                "openfero.io/definition": "openfero-poddown-firing",
                "openfero.io/status": "firing",
                "openfero.io/alert-id": "0123456789ab",
                "openfero.io/run": "1",
                **(labels or {}),
            },
            "annotations": annotations or {},
        },
        "spec": {"activeDeadlineSeconds": deadline},
        "status": status,
    }


def shown(*jobs: dict[str, Any], flags: Any = SHOWN) -> Series:
    return {name: value for job in jobs for name, value in series(job, *flags).items()}


APPROVAL = {"openfero.io/approval": "required"}
RESOLVED = {"openfero.io/resolved-at": at(1)}

RUNNING = a_job(active=1)
SUCCEEDED = a_job(ended="Complete", succeeded=1)
HELPED = a_job(ended="Complete", succeeded=1, annotations=RESOLVED)
BROKEN = a_job(ended="Failed", reason="BackoffLimitExceeded", failed=1)
# It had no pod, so none has failed.
TIMED_OUT = a_job(ended="Failed", reason="DeadlineExceeded")
WAITING = a_job(started=None, labels=APPROVAL)
DECLINED = a_job(deadline=0, ended="Failed", reason="DeadlineExceeded", labels=APPROVAL)
CANCELLED = a_job(deadline=0, ended="Failed", reason="DeadlineExceeded", failed=1)
HELD = a_job(started=None)
WITHOUT = a_job()
BETWEEN_TRIES = a_job(failed=1)


def named(job: dict[str, Any], name: str) -> dict[str, Any]:
    return {**job, "metadata": {**job["metadata"], "name": name}}


def of_jobs(folder: Path, series: Timeline, *minutes: int) -> list[set[tuple[str, str]]]:
    """Return for each minute which alerts about Jobs fire, and of which Job."""
    found = firing(folder, series, minutes)
    return [{(each.name, each.job) for each in found[m] if each.name in OF_JOBS} for m in minutes]


@pytest.mark.parametrize(
    ("job", "state"),
    [
        (RUNNING, "running"),
        (BETWEEN_TRIES, "running"),
        (SUCCEEDED, "succeeded"),
        (BROKEN, "failed"),
        (TIMED_OUT, "failed"),
        (WAITING, "waiting"),
        (DECLINED, "stopped"),
        (CANCELLED, "stopped"),
        (HELD, "held"),
        (WITHOUT, "without-pod"),
    ],
)
def test_a_job_is_in_one_state(job: dict[str, Any], state: str, tmp_path: Path) -> None:
    assert states(tmp_path, shown(job), 5) == {"job-1": state}


def states(folder: Path, series: Series, minute: int) -> dict[str, str]:
    found = monitoring.values(folder, timeline((minute + 1, series)), "openfero:job:state", minute)
    labels = [dict(re.findall(r'(\w+)="(.*?)"', each)) for each in found]
    names = [each["job_name"] for each in labels]
    assert len(names) == len(set(names)), names
    return {each["job_name"]: each["state"] for each in labels}


@pytest.mark.parametrize(
    ("job", "early", "late", "alerts"),
    [
        (BROKEN, None, 1, {FAILED}),
        (TIMED_OUT, None, 1, {FAILED}),
        (WAITING, 1, 2, {WAITS}),
        (WITHOUT, 5, 6, {WITHOUT_POD}),
        (RUNNING, 30, 31, {LONG}),
        (SUCCEEDED, 30, 31, {IN_VAIN}),
        (HELPED, None, 300, set()),
        (DECLINED, None, 300, set()),
        (CANCELLED, None, 300, set()),
        (HELD, None, 300, set()),
        (BETWEEN_TRIES, 30, 31, {LONG}),
    ],
)
def test_an_alert_fires_once_it_is_time_and_no_other_does(
    job: dict[str, Any], early: int | None, late: int, alerts: set[str], tmp_path: Path
) -> None:
    minutes = [late] if early is None else [early, late]

    *before, after = of_jobs(tmp_path, timeline((late + 1, shown(job))), *minutes)

    assert before == [set()] * len(before)
    assert after == {(alert, "job-1") for alert in alerts}


@pytest.mark.parametrize("job", [BROKEN, WAITING, WITHOUT, RUNNING, SUCCEEDED])
def test_what_is_not_ours_is_nobodys_business_here(job: dict[str, Any], tmp_path: Path) -> None:
    strange = a_job("job-2", labels={"app.kubernetes.io/managed-by": "Helm"})
    strange |= {"spec": job["spec"], "status": job["status"]}

    assert of_jobs(tmp_path, timeline((60, shown(HELPED, strange))), 59) == [set()]


@pytest.mark.parametrize(
    ("job", "mended"),
    [
        (BROKEN, {**BROKEN, "metadata": HELPED["metadata"]}),
        (SUCCEEDED, HELPED),
        (WAITING, DECLINED),
        (WITHOUT, RUNNING),
        (RUNNING, HELPED),
    ],
    ids=["its alert ends", "its alert ends late", "declined", "its pod comes", "it ends"],
)
def test_an_alert_ends_when_its_reason_does(
    job: dict[str, Any], mended: dict[str, Any], tmp_path: Path
) -> None:
    mended = {**mended, "metadata": {**mended["metadata"], "creationTimestamp": at(25)}}
    if mended["status"].get("startTime"):
        mended["status"] = {**mended["status"], "startTime": at(25)}
    told = timeline((35, shown(job)), (25, shown(mended)))

    during, after = of_jobs(tmp_path, told, 34, 50)

    assert len(during) == 1
    assert after == set()


@pytest.mark.parametrize("job", [BROKEN, WAITING, WITHOUT, RUNNING, SUCCEEDED])
def test_an_alert_survives_an_exporter_that_is_away_for_minutes(
    job: dict[str, Any], tmp_path: Path
) -> None:
    told = timeline((40, shown(job)), (8, {}), (12, shown(job)))

    minutes = of_jobs(tmp_path, told, 39, 44, 47, 48, 55)

    assert all(minutes)
    assert len(set(map(frozenset, minutes))) == 1


@pytest.mark.parametrize("job", [BROKEN, WAITING, WITHOUT, RUNNING, SUCCEEDED])
def test_an_alert_ends_with_its_job(job: dict[str, Any], tmp_path: Path) -> None:
    told = timeline((40, shown(job)), (20, {}))

    assert of_jobs(tmp_path, told, 55) == [set()]


def twice(series: Series) -> Series:
    """As two instances show it, of which one is about to go."""
    return {
        name.replace("{", f'{{instance="10.0.0.{number}:8080",job="ksm",', 1): value
        for name, value in series.items()
        for number in (1, 2)
    }


def test_two_exporters_that_show_the_same_job_tell_it_once(tmp_path: Path) -> None:
    found = of_jobs(tmp_path, timeline((40, twice(shown(BROKEN)))), 39)

    assert found == [{(FAILED, "job-1")}]


def later(job: dict[str, Any]) -> dict[str, Any]:
    other = named(job, "job-2")
    other["metadata"]["creationTimestamp"] = at(5)
    return other


@pytest.mark.parametrize("job", [BROKEN, SUCCEEDED])
def test_of_an_alert_only_the_newest_job_is_spoken_of(job: dict[str, Any], tmp_path: Path) -> None:
    [found] = of_jobs(tmp_path, timeline((60, shown(job, later(HELPED)))), 59)
    [other] = of_jobs(tmp_path, timeline((60, shown(HELPED, later(job)))), 59)

    assert found == set()
    assert len(other) == 1


def test_a_job_for_an_alert_that_ended_can_fail_but_need_not_help(tmp_path: Path) -> None:
    of_the_end = {"openfero.io/status": "resolved"}
    ended = a_job("job-1", ended="Complete", succeeded=1, labels=of_the_end)
    broken = a_job(
        "job-2", ended="Failed", failed=1, labels={**of_the_end, "openfero.io/alert-id": "b"}
    )

    assert of_jobs(tmp_path, timeline((60, shown(ended, broken))), 59) == [{(FAILED, "job-2")}]


# What kube-state-metrics must be told.


@pytest.mark.parametrize(
    "flags", [((), ()), (SHOWN[0], ()), ((), SHOWN[1])], ids=["none", "labels", "annotations"]
)
def test_a_flag_that_is_missing_is_told_and_accuses_no_repair(
    flags: tuple[tuple[str, ...], tuple[str, ...]], tmp_path: Path
) -> None:
    told = timeline((60, shown(SUCCEEDED, flags=flags)))

    early, late = of_jobs(tmp_path, told, 14, 59)

    assert early == set()
    assert late == {(UNSEEN, "")}


def test_without_jobs_nothing_is_unseen(tmp_path: Path) -> None:
    elsewhere = written("kube_job_info", namespace="shop", job_name="backup")

    assert of_jobs(tmp_path, timeline((60, {elsewhere: 1})), 59) == [set()]


def test_the_flags_name_every_label_and_annotation_that_is_asked_for() -> None:
    text = json.dumps(RULES)
    labels, annotations = SHOWN

    assert set(re.findall(r"\blabel_(\w+_io_\w+)", text)) == mangled(labels)
    assert set(re.findall(r"\bannotation_(\w+_io_\w+)", text)) == mangled(annotations)


def mangled(names: tuple[str, ...]) -> set[str]:
    return {re.sub(r"\W", "_", name) for name in names}


# The way from Alertmanager to the function.

LABELS = {"integration": "webhook", "instance": "alertmanager:9093"}


def counted(
    name: str, minutes: int, step: float, every: int, start: int = 0, **labels: str
) -> Timeline:
    """Return a counter that goes up by `step` each `every` minutes from `start` on."""
    values = [step * max(0, (m - start) // every + 1) for m in range(minutes)]
    return {written(name, **labels): list(values)}


def failures(reason: str, minutes: int = 60, **labels: str) -> Timeline:
    told = {**LABELS, "reason": reason, **labels}
    return counted("alertmanager_notifications_failed_total", minutes, 1, 5, 20, **told)


def answers(status: str, minutes: int = 60, every: int = 1) -> Timeline:
    labels = {
        "k8s_namespace_name": "openfero",
        "kn_service_name": "openfero",
        "http_response_status_code": status,
        "instance": "activator:9090",
    }
    name = "http_server_request_duration_seconds_count"
    return counted(name, minutes, 1, every, 20, **labels)


def of_the_way(folder: Path, series: Timeline, *minutes: int) -> list[set[tuple[str, str]]]:
    found = firing(folder, series, minutes)
    ours = (REFUSED, FAIL)
    return [{(each.name, each.seen_by) for each in found[m] if each.name in ours} for m in minutes]


@pytest.mark.parametrize(
    ("reason", "alert"),
    [
        ("clientError", REFUSED),
        ("authError", REFUSED),
        ("rateLimited", REFUSED),
        ("serverError", FAIL),
        ("contextDeadlineExceeded", FAIL),
        ("other", FAIL),
        # Before 0.26.
        ("", FAIL),
    ],
)
@pytest.mark.parametrize(
    "receiver", ["", "openfero", "openfero-east", "monitoring/openfero/openfero"]
)
def test_notifications_that_fail_are_told_by_whose_fault_it_is(
    reason: str, alert: str, receiver: str, tmp_path: Path
) -> None:
    before, after = of_the_way(tmp_path, failures(reason, receiver_name=receiver), 15, 30)

    assert before == set()
    assert after == {(alert, "alertmanager")}


@pytest.mark.parametrize(
    "labels",
    [
        {"reason": "contextCanceled"},
        {"reason": "serverError", "receiver_name": "people"},
        {"reason": "serverError", "integration": "slack"},
    ],
)
def test_what_fails_elsewhere_is_not_told_as_ours(labels: dict[str, str], tmp_path: Path) -> None:
    told = failures(**{"reason": "", **labels})

    assert of_the_way(tmp_path, told, 30, 59) == [set(), set()]


@pytest.mark.parametrize("reason", ["clientError", "serverError"])
def test_it_is_quiet_a_quarter_of_an_hour_after_the_last_failure(
    reason: str, tmp_path: Path
) -> None:
    [(name, values)] = failures(reason).items()
    values[31:] = [values[30]] * len(values[31:])

    during, after = of_the_way(tmp_path, {name: values}, 31, 50)

    assert len(during) == 1
    assert after == set()


@pytest.mark.parametrize("reason", ["clientError", "serverError"])
def test_an_alertmanager_that_starts_again_is_no_failure(reason: str, tmp_path: Path) -> None:
    [name] = failures(reason)
    long_ago: list[float | None] = [7.0] * 30
    again: Timeline = {name: [*long_ago, None, None, *[0.0] * 30]}
    failing: Timeline = {name: [*long_ago, None, None, 0.0, *[1.0] * 30]}

    assert of_the_way(tmp_path, again, 29, 34, 45) == [set()] * 3
    assert len(of_the_way(tmp_path, failing, 36)[0]) == 1


@pytest.mark.parametrize(
    ("status", "alert", "after"), [("422", REFUSED, 22), ("503", FAIL, 35), ("504", FAIL, 35)]
)
def test_the_activator_of_knative_is_asked_too(
    status: str, alert: str, after: int, tmp_path: Path
) -> None:
    before, found = of_the_way(tmp_path, answers(status), 15, after)

    assert before == set()
    assert found == {(alert, "knative")}


def test_answers_that_are_well_are_no_failure(tmp_path: Path) -> None:
    assert of_the_way(tmp_path, {**answers("200"), **answers("202")}, 59) == [set()]


def test_a_503_that_was_tried_again_with_success_is_no_failure(tmp_path: Path) -> None:
    assert of_the_way(tmp_path, answers("503", 120, every=30), 21, 55, 119) == [set()] * 3


# The watchdog.


def notified(minutes: int, every: int, receiver: str = "", start: int = 1) -> Timeline:
    labels = {**LABELS, "receiver_name": receiver}
    sent = counted("alertmanager_notifications_total", minutes, 1, every, start, **labels)
    name = "alertmanager_notifications_failed_total"
    return {**sent, written(name, **labels, reason="serverError"): [0.0] * minutes}


def unproven(folder: Path, series: Timeline, *minutes: int) -> list[bool]:
    found = firing(folder, series, minutes)
    return [Fired(UNPROVEN) in found[minute] for minute in minutes]


def test_the_watchdog_always_fires(tmp_path: Path) -> None:
    assert firing(tmp_path, {}, [0])[0] == ALWAYS


@pytest.mark.parametrize("receiver", ["", "openfero"])
def test_a_notification_each_repeat_interval_proves_the_way(receiver: str, tmp_path: Path) -> None:
    told = notified(30 * 60, 4 * 60, receiver)

    assert unproven(tmp_path, told, 60, 9 * 60, 20 * 60, 29 * 60) == [False] * 4


def test_without_a_notification_the_way_is_unproven_after_nine_hours(tmp_path: Path) -> None:
    [(sent, values), failed] = notified(20 * 60, 4 * 60).items()
    values[60:] = [values[60]] * len(values[60:])

    told = unproven(tmp_path, dict([(sent, values), failed]), 8 * 60, 10 * 60, 19 * 60)

    assert told == [False, True, True]


def test_notifications_that_all_fail_prove_nothing(tmp_path: Path) -> None:
    [(sent, values), (failed, _)] = notified(20 * 60, 60).items()

    assert unproven(tmp_path, {sent: values, failed: values}, 19 * 60) == [True]


@pytest.mark.parametrize("series", [{}, notified(600, 60, "people")], ids=["nothing", "of others"])
def test_what_is_not_seen_is_no_proof(series: Timeline, tmp_path: Path) -> None:
    assert unproven(tmp_path, series, 29, 31) == [False, True]


def test_an_alertmanager_that_starts_again_between_two_repeats_still_proves_it(
    tmp_path: Path,
) -> None:
    [(sent, _), failed] = notified(20 * 60, 4 * 60).items()
    # Each time it is another one that has told of nothing yet.
    values: list[float | None] = [0.0 if minute % 300 < 240 else 1.0 for minute in range(20 * 60)]

    assert not any(unproven(tmp_path, dict([(sent, values), failed]), 600, 900, 1199))


# By definition and day.


def test_jobs_are_counted_by_definition_and_day_also_when_they_are_gone(tmp_path: Path) -> None:
    other = {"openfero.io/definition": "openfero-diskfull-firing", "openfero.io/alert-id": "d"}
    jobs = [
        named(HELPED, "helped"),
        named(SUCCEEDED, "in-vain"),
        named(BROKEN, "broken"),
        named(DECLINED, "declined"),
        a_job("elsewhere", active=1, labels=other),
    ]
    told = timeline((40, shown(*jobs)), (24 * 60, {"up": 1}))

    def count(name: str, minute: int = 700) -> dict[str, float]:
        found = monitoring.values(tmp_path, told, f"sum by (definition, state) ({name})", minute)
        return {
            "/".join(re.findall(r'"openfero-(.*?)-firing"|state="(.*?)"', labels)[0])
            if "state" not in labels
            else re.findall(r'state="(.*?)"', labels)[0]: value
            for labels, value in found.items()
        }

    assert count("definition:openfero_jobs_created:count1d") == {"poddown/": 4, "diskfull/": 1}
    assert count("definition:openfero_jobs_ended:count1d") == {
        "succeeded": 2,
        "failed": 1,
        "stopped": 1,
    }
    assert count("definition:openfero_jobs_helped:count1d") == {"poddown/": 1}
    assert count("definition:openfero_jobs_did_not_help:count1d") == {"poddown/": 1}
    assert count("definition:openfero_jobs_created:count1d", 24 * 60 + 10) == {}


# What people read.


def test_promtool_finds_nothing_wrong_with_the_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(RULES["spec"]))

    checked = subprocess.run(
        [monitoring.promtool(), "check", "rules", "rules.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert "SUCCESS" in checked.stdout, checked
    assert checked.returncode == 0, checked


def test_each_alert_says_what_it_is_how_bad_and_where_to_look() -> None:
    for rule in monitoring.rules():
        if "alert" in rule:
            assert rule["annotations"].keys() == {"summary", "description"}
            assert len(rule["annotations"]["summary"]) < 80
            assert rule["labels"]["severity"] in {"none", "warning", "critical"}


def test_the_page_names_every_alert_with_its_severity() -> None:
    told = re.findall(r"^\| `(Openfero\w+)` \| (\w+) \|", monitoring.PAGE, re.MULTILINE)

    assert dict(told) == {
        rule["alert"]: rule["labels"]["severity"] for rule in monitoring.rules() if "alert" in rule
    }


def test_the_page_names_every_series_that_is_asked_for() -> None:
    text = json.dumps(RULES) + json.dumps(DASHBOARD)
    asked = re.findall(r"\b((?:kube_job|alertmanager|http_server)_\w+)", text)

    for name in asked:
        base = re.sub("_(bucket|count|sum)$", "", name)
        assert f"`{base}`" in monitoring.PAGE


# All of it on a real Prometheus.


def example(now: float) -> Timeline:
    """Return a day in which everything has happened, a minute apart."""
    day = 26 * 60
    start = int(now / 60) - day
    jobs = {
        "helped": HELPED,
        "in-vain": SUCCEEDED,
        "broken": BROKEN,
        "declined": DECLINED,
        "waits": WAITING,
        "runs": RUNNING,
        "without-pod": WITHOUT,
    }
    told: Timeline = {}
    for number, (name, job) in enumerate(jobs.items()):
        alert = {"openfero.io/alert-id": f"{number:012x}"}
        moved = json.loads(json.dumps(job))
        metadata, status = moved["metadata"], moved["status"]
        metadata |= {"name": name, "labels": {**metadata["labels"], **alert}}
        metadata["creationTimestamp"] = at(start + day - 120)
        status |= {key: at(start + day - 119) for key in status if key.endswith("Time")}
        told |= timeline((day - 120, {}), (120, shown(moved)))
    return {**told, **of_alertmanager(day), **of_knative(day)}


BUCKETS = {
    "alertmanager_notification_latency_seconds": ("1", "5", "10", "15", "20", "+Inf"),
    "http_server_request_duration_seconds": ("0.5", "1", "2.5", "+Inf"),
}


def histogram(name: str, minutes: int, **labels: str) -> Timeline:
    told: Timeline = {}
    for part, more in [
        *(("bucket", {"le": le}) for le in BUCKETS[name]),
        ("count", {}),
        ("sum", {}),
    ]:
        told |= counted(f"{name}_{part}", minutes, 1, 5, **labels, **more)
    return told


def of_alertmanager(minutes: int) -> Timeline:
    labels = {**LABELS, "receiver_name": "openfero"}
    told = counted("alertmanager_notifications_total", minutes, 3, 5, **labels)
    told |= histogram("alertmanager_notification_latency_seconds", minutes, **labels)
    for reason in ("clientError", "serverError"):
        told |= counted(
            "alertmanager_notifications_failed_total", minutes, 1, 5, **labels, reason=reason
        )
    return told


def of_knative(minutes: int) -> Timeline:
    told: Timeline = {}
    for status in ("200", "422", "503"):
        labels = {
            "k8s_namespace_name": "openfero",
            "kn_service_name": "openfero",
            "http_response_status_code": status,
        }
        told |= histogram("http_server_request_duration_seconds", minutes, **labels)
    return told


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[monitoring.Prometheus]:
    """A real Prometheus with the rules, after a day in which everything has happened."""
    folder = tmp_path_factory.mktemp("loaded")
    now = time.time()
    samples = monitoring.openmetrics(example(now), now)
    with monitoring.prometheus(folder, quick(), samples=samples) as prometheus:
        yield prometheus


def quick() -> dict[str, Any]:
    """Return the rules with times that a test can wait for."""
    spec: dict[str, Any] = json.loads(json.dumps(RULES["spec"]))
    for group in spec["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule.pop("for", None)
    return spec


def queries() -> list[tuple[str, str, str]]:
    return [
        (panel["title"], panel["type"], target["expr"])
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    ]


def expanded(query: str) -> str:
    """Return the query as Grafana asks it, of all definitions and of a day.

    What stands in for an empty answer is taken out, or none would be empty.
    """
    for name, value in {"$definition": ".*", "$__range": "86400s"}.items():
        query = query.replace(name, value)
    assert "$" not in query
    return query.removesuffix(" or vector(0)")


@pytest.mark.parametrize(("title", "kind", "query"), queries())
def test_no_query_of_the_dashboard_is_empty(
    loaded: monitoring.Prometheus, title: str, kind: str, query: str
) -> None:
    def answer() -> list[dict[str, Any]]:
        if kind == "timeseries":
            now = time.time()
            return loaded.query_range(expanded(query), start=now - 3600, end=now, step=15)
        return loaded.query(expanded(query))

    until(answer, f"{title} shows something: {query}")
    for each in answer():
        samples = each.get("values") or [each["value"]]
        assert any(value not in ("NaN", "+Inf") for _, value in samples), each


@pytest.mark.parametrize("right", ["ended", "failed", "count1d"])
def test_a_slip_in_a_query_leaves_its_panel_empty(
    loaded: monitoring.Prometheus, right: str
) -> None:
    [query] = [expanded(query) for title, _, query in queries() if title == "Failed"]
    until(lambda: loaded.query(query), "it shows something")
    assert query.count(right) == 1

    assert loaded.query(query.replace(right, f"x{right}")) == []


def test_every_rule_is_healthy_and_every_alert_is_written_out(
    loaded: monitoring.Prometheus,
) -> None:
    everything = monitoring.alerts() - {UNSEEN, UNPROVEN}
    until(lambda: {each["labels"]["alertname"] for each in loaded.firing()} == everything, "all")

    assert {rule["health"] for rule in loaded.rules()} == {"ok"}
    for alert in loaded.firing():
        for text in alert["annotations"].values():
            assert "<no value>" not in text
            assert "{{" not in text
            assert "error" not in text.lower().replace("authError", "")
        if alert["labels"]["alertname"].startswith("OpenferoRepair"):
            assert alert["labels"]["job_name"] in alert["annotations"]["description"]
            assert "openfero-poddown-firing" in alert["annotations"]["summary"]


# The dashboard.


def test_the_dashboard_asks_the_data_source_that_is_chosen() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    [source, definition] = DASHBOARD["templating"]["list"]

    assert DASHBOARD["uid"] == "openfero"
    assert (source["name"], source["type"], source["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert definition["datasource"] == chosen
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == chosen
        assert all(target["datasource"] == chosen for target in panel["targets"])


def test_the_panels_have_a_place_a_number_and_a_text_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    places = {
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    }

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(places) == sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in panels)
    assert max(x for x, _ in places) < 24
    assert all(panel["description"] for panel in panels)


# What is built, and what a real API server says.


def build(folder: Path, kustomization: str) -> list[dict[str, Any]]:
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [kubectl, "kustomize", write_overlay(folder, kustomization)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return documents(built.stdout)


def as_told() -> str:
    lines = (monitoring.FOLDER / "kustomization.yaml").read_text().splitlines()
    return "\n".join(line.removeprefix("#   ") for line in lines if line.startswith("#   "))


def test_the_component_brings_the_rules_and_the_dashboard_as_its_comment_says(
    tmp_path: Path,
) -> None:
    objects = {each["kind"]: each for each in build(tmp_path, as_told())}

    rules, dashboard = objects["PrometheusRule"], objects["ConfigMap"]
    assert rules["spec"] == RULES["spec"]
    assert rules["metadata"]["labels"] == {"release": "kube-prometheus-stack"}
    assert dashboard["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert dashboard["metadata"]["name"] == "openfero-dashboard"
    assert json.loads(dashboard["data"]["openfero.json"]) == DASHBOARD


@pytest.fixture(scope="module")
def kubectl(needs_control_plane: None, kubeconfig: Path, folder: Path) -> Iterator[Kubectl]:
    kubectl = Kubectl(kubeconfig, folder)
    with crds.applied(kubectl, crds.PROMETHEUS_RULE):
        kubectl("create", "namespace", "openfero")
        yield kubectl
        kubectl("delete", "namespace", "openfero")


def monitored(folder: Path) -> str:
    kinds = ("PrometheusRule", "ConfigMap")
    return yaml.safe_dump_all(each for each in build(folder, as_told()) if each["kind"] in kinds)


def test_what_is_built_is_taken_strictly(kubectl: Kubectl, tmp_path: Path) -> None:
    text = monitored(tmp_path)

    kubectl("apply", "--server-side", "--validate=strict", "-f", "-", stdin=text)

    assert kubectl("diff", "--server-side", "-f", "-", stdin=text).stdout == ""


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        ("keep_firing_for", "keepFiringFor", "keepFiringFor"),
        ("for: 15m", "for: 15", "groups[2].rules[5].for"),
        ("expr: vector(1)", "expression: vector(1)", "expression"),
    ],
)
def test_a_slip_in_the_rules_is_refused_by_the_api_server(
    kubectl: Kubectl, right: str, wrong: str, why: str, tmp_path: Path
) -> None:
    text = monitored(tmp_path)
    assert right in text

    refused = kubectl(
        *("create", "--validate=strict", "--dry-run=server", "-f", "-"),
        stdin=text.replace(right, wrong),
        check=False,
    )

    assert why in refused.stderr


JOBS = {
    "waiting": a_manifest(suspend=True),
    "held": a_manifest(suspend=True),
    "stopped": a_manifest(suspend=True),
    "succeeded": a_manifest(),
    "failed": a_manifest(backoffLimit=0),
    "running": a_manifest(),
    "without-pod": a_manifest(),
}
"""By the state that each comes to."""


def test_the_states_are_those_of_jobs_on_a_real_api_server(
    needs_control_plane: None, kube: Kube, tmp_path: Path
) -> None:
    labels = a_job()["metadata"]["labels"]
    for state, manifest in JOBS.items():
        approval = APPROVAL if state in ("waiting", "stopped") else {}
        manifest["metadata"] = {"name": f"state-{state}", "labels": {**labels, **approval}}
        if state == "without-pod":
            manifest["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
        kube.create("jobs", manifest)
    kube.complete("state-succeeded")
    kube.patch("jobs", "state-succeeded", {"metadata": {"annotations": RESOLVED}})
    kube.patch("jobs", "state-stopped", {"spec": {"suspend": False, "activeDeadlineSeconds": 0}})
    until(lambda: fail_pod(kube, "state-failed"), "the pod has failed")

    def jobs() -> dict[str, dict[str, Any]]:
        found = kube.list("jobs", "openfero.io/definition=openfero-poddown-firing")
        return {each["metadata"]["name"]: each for each in found}

    until(lambda: all(has_settled(job) for job in jobs().values()), "all have settled")
    found = states(tmp_path, shown(*jobs().values()), 5)
    for name in found:
        kube.delete("jobs", name)

    assert found == {f"state-{state}": state for state in JOBS}


def fail_pod(kube: Kube, job: str) -> bool:
    """Play the kubelet of a pod that fails."""
    pods = kube.list("pods", f"batch.kubernetes.io/job-name={job}")
    for pod in pods:
        kube.patch("pods", pod["metadata"]["name"], {"status": {"phase": "Failed"}}, "status")
    return bool(pods)


def has_settled(job: dict[str, Any]) -> bool:
    """Whether the controller has come to where the name says."""
    status, name = job["status"], job["metadata"]["name"]
    ended = [each["type"] for each in status.get("conditions", [])]
    return {
        "waiting": "Suspended" in ended,
        "held": "Suspended" in ended,
        "stopped": "Failed" in ended,
        "succeeded": "Complete" in ended,
        "failed": "Failed" in ended,
        "running": status.get("active") == 1,
        "without-pod": "startTime" in status,
    }[name.removeprefix("state-")]


# A real Alertmanager.


@pytest.fixture
def broken(define: Define, alertname: str) -> str:
    define(alertname, manifest="kind: [")
    return alertname


@pytest.mark.parametrize(
    ("which", "told"), [("packaged", FAIL), ("newer", REFUSED)], ids=["packaged", "newer"]
)
def test_a_definition_that_is_broken_is_told_by_a_real_alertmanager(
    which: str, told: str, door: str, kubeconfig: Path, broken: str, tmp_path: Path
) -> None:
    with running(door, tmp_path / "log", kubeconfig) as function:
        found = told_of(which, f"{function.url}/alerts", broken, tmp_path)

    # The packaged one is older than 0.26, and gives no reason.
    assert found == {told}


@pytest.mark.parametrize("which", ["packaged", "newer"])
def test_a_function_that_is_not_there_is_told_by_a_real_alertmanager(
    which: str, alertname: str, tmp_path: Path
) -> None:
    # It tries for ten seconds at least.
    assert told_of(which, f"http://127.0.0.1:{free_port()}", alertname, tmp_path) == {FAIL}


def told_of(which: str, url: str, alertname: str, folder: Path) -> set[str]:
    """Return what Prometheus tells of the way when this alert is sent to this function."""
    content = alertmanagers.configuration(url, write_token(folder))
    with (
        alertmanagers.running(need_release(which), folder / "alertmanager", content) as sender,
        monitoring.prometheus(folder, quick(), sender.address) as prometheus,
    ):
        until(lambda: prometheus.query("alertmanager_notifications_total"), "it is scraped")
        sender.fire({"alertname": alertname})

        def told() -> set[str]:
            names = {each["labels"]["alertname"] for each in prometheus.firing()}
            return names & {REFUSED, FAIL}

        until(told, "it is told")
        return told()


def watched(url: str, token: Path) -> Any:
    """Return the configuration that is shipped, which has the route of the page."""
    content = alertmanagers.configuration(url, token)
    [told] = re.findall(r"```yaml\n(.*?)```", monitoring.PAGE, re.DOTALL)
    [route] = yaml.safe_load(told)
    assert route in content["route"]["routes"]
    return content


@pytest.mark.parametrize("which", ["packaged", "newer"])
def test_the_watchdog_goes_to_the_function_and_to_no_person(which: str, tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(watched("http://127.0.0.1:1", tmp_path / "token")))
    command = [need_release(which).amtool, "config", "routes", "test", f"--config.file={file}"]

    def receivers(alertname: str) -> str:
        ran = subprocess.run([*command, f"alertname={alertname}"], capture_output=True, text=True)
        return ran.stdout.strip()

    assert receivers(WATCHDOG) == "openfero,nobody"
    assert receivers("KubeQuotaAlmostFull") == "openfero,people"


@pytest.mark.parametrize("which", ["packaged", "newer"])
def test_the_watchdog_proves_the_way(
    which: str, door: str, kubeconfig: Path, tmp_path: Path
) -> None:
    token = write_token(tmp_path)
    with (
        running(door, tmp_path / "log", kubeconfig, OPENFERO_TOKEN_FILE=str(token)) as function,
        alertmanagers.running(
            need_release(which), tmp_path / "alertmanager", watched(f"{function.url}/alerts", token)
        ) as sender,
        monitoring.prometheus(tmp_path, quick(), sender.address) as prometheus,
    ):

        def is_unproven() -> bool:
            return UNPROVEN in {each["labels"]["alertname"] for each in prometheus.firing()}

        until(lambda: prometheus.query("alertmanager_notifications_total"), "it is scraped")
        until(is_unproven, "nothing has been sent yet")
        sender.fire({"alertname": WATCHDOG, "severity": "none"})
        until(lambda: not is_unproven(), "the way is proven")

    assert outcomes(function, WATCHDOG) == ["no-definition"]

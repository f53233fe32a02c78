"""Guard rails from the outside: notifications in, Jobs out, and nothing that runs in circles."""

import random
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Define
from function_process import FunctionProcess, free_port, running
from kube import Kube
from make import a_manifest, firing, notification_json, rails
from proxy import Amend, Answer, FaultProxy, Hang, Request, Reset, always, first, status
from waiting import until
from wire import Response, post

from function.cluster import PAGE
from function.transport import MAX_ANSWER

Labels = dict[str, str]

APPROVE = {"spec": {"suspend": False}}
DECLINE = {"spec": {"activeDeadlineSeconds": 0, "suspend": False}}


def an_episode(alertname: str, number: int = 0, status: str = "firing", **labels: str) -> Any:
    """Return an alert; another number is a later episode of the same alert."""
    alert = {**firing(alertname, **labels), "startsAt": f"2026-11-23T13:52:{number:02}Z"}
    return {**alert, "status": status}


def notify(url: str, *alerts: Any) -> Response:
    return post(url, notification_json(*alerts))


def names(jobs: list[dict[str, Any]]) -> list[str]:
    return [job["metadata"]["name"] for job in jobs]


def runs(jobs: list[dict[str, Any]]) -> list[int]:
    return sorted(int(job["metadata"]["labels"]["openfero.io/run"]) for job in jobs)


def suspended(jobs: list[dict[str, Any]]) -> list[str]:
    return names([job for job in jobs if job["spec"].get("suspend")])


def has_failed(kube: Kube, name: str) -> bool:
    conditions = kube.get("jobs", name).get("status", {}).get("conditions") or []
    return any((c["type"], c["reason"]) == ("Failed", "DeadlineExceeded") for c in conditions)


class TestOneRail:
    def test_a_subject_that_cools_down_gets_no_job_and_the_answer_says_for_how_long(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(cooldown="30m", subject="pod"))
        first_ = notify(function, an_episode(alertname, 1, pod="web-0"))

        held = notify(function, an_episode(alertname, 2, pod="web-0", reason="other"))
        other = notify(function, an_episode(alertname, 1, pod="web-1"))

        assert [each.words for each in (first_, held, other)] == [
            ["created"],
            ["cooling-down"],
            ["created"],
        ]
        assert held.outcomes[0]["job"] == first_.outcomes[0]["job"]
        assert "s of the cooldown are left" in held.outcomes[0]["message"]
        assert len(kube.jobs(definition)) == 2

    def test_fifty_alerts_about_one_thing_in_one_notification_are_one_subject(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(cooldown="30m", subject="namespace"))
        alerts = [an_episode(alertname, namespace="shop", pod=f"web-{n}") for n in range(50)]

        response = notify(function, *alerts)

        assert sorted(response.words) == ["cooling-down"] * 49 + ["created"]
        assert len(kube.jobs(definition)) == 1

    def test_an_episode_runs_again_when_its_last_run_has_ended_and_is_old_enough(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(rerun_after="1s"))
        alert = an_episode(alertname)
        name = notify(function, alert).outcomes[0]["job"]

        assert notify(function, alert).words == ["exists"]
        kube.complete(name)
        until(lambda: notify(function, alert).words == ["created"], "it runs again")

        assert runs(kube.jobs(definition)) == [1, 2]

    def test_after_max_runs_the_next_one_waits_and_while_it_waits_there_is_no_other(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(max_runs="2/24h", subject="pod"))
        answers = [notify(function, an_episode(alertname, n, pod="web-0")) for n in range(5)]

        jobs = kube.jobs(definition)
        assert [word for each in answers for word in each.words] == [
            *["created"] * 3,
            *["needs-approval"] * 2,
        ]
        waiting = answers[2].outcomes[0]
        assert suspended(jobs) == [waiting["job"]]
        assert "suspended until a person approves it" in waiting["message"]
        assert answers[4].outcomes[0]["job"] == waiting["job"]
        labels = kube.get("jobs", waiting["job"])["metadata"]["labels"]
        assert (labels["openfero.io/run"], labels["openfero.io/approval"]) == ("3", "required")

    def test_with_approve_every_job_waits_for_a_person(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(mode="approve"))

        name = notify(function, an_episode(alertname)).outcomes[0]["job"]
        again = notify(function, an_episode(alertname))

        assert suspended(kube.jobs(definition)) == [name]
        assert again.words == ["exists"]
        assert "waits for a person" in again.outcomes[0]["message"]

    def test_what_a_person_approves_runs_and_what_they_decline_never_does(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(mode="approve", subject="pod"))
        one = notify(function, an_episode(alertname, pod="a")).outcomes[0]["job"]
        other = notify(function, an_episode(alertname, pod="b")).outcomes[0]["job"]

        kube.patch("jobs", one, APPROVE)
        kube.patch("jobs", other, DECLINE)
        kube.complete(one)
        until(lambda: has_failed(kube, other), "the declined one has ended")

        assert kube.list("pods", f"batch.kubernetes.io/job-name={other}") == []
        later = [
            notify(function, an_episode(alertname, n, pod=pod)) for n, pod in ((0, "b"), (1, "b"))
        ]
        assert [each.words for each in later] == [["exists"], ["created"]]

    def test_a_definition_is_only_for_the_alerts_that_match(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        match = 'severity="critical", team!="infra"'
        definition = define(alertname, annotations=rails(match=match))

        response = notify(
            function,
            an_episode(alertname, severity="critical"),
            an_episode(alertname, severity="warning"),
            an_episode(alertname, severity="critical", team="infra"),
        )

        assert response.words == ["created", "no-match", "no-match"]
        assert len(kube.jobs(definition)) == 1

    def test_firing_and_resolved_count_separately(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        fired = define(alertname, annotations=rails(cooldown="1h"))
        over = define(alertname, "resolved", annotations=rails(cooldown="1h"))

        words = [
            notify(function, an_episode(alertname, number, state)).words
            for number in (1, 2)
            for state in ("firing", "resolved")
        ]

        assert words == [["created"], ["created"], ["cooling-down"], ["cooling-down"]]
        assert (len(kube.jobs(fired)), len(kube.jobs(over))) == (1, 1)

    @pytest.mark.parametrize(
        ("annotations", "told"),
        [
            (rails(cooldown="soon"), "openfero.io/cooldown must be a duration of at most 7d"),
            (rails(cooldwon="1h"), "annotation openfero.io/cooldwon is not known"),
            (rails(subject="node"), "openfero.io/subject: the alert has no label node"),
        ],
    )
    def test_a_rail_that_cannot_be_read_makes_the_definition_broken(
        self,
        function: str,
        kube: Kube,
        define: Define,
        alertname: str,
        annotations: Labels,
        told: str,
    ) -> None:
        definition = define(alertname, annotations=annotations)

        response = notify(function, an_episode(alertname))

        assert (response.status, kube.jobs(definition)) == (422, [])
        assert told in response.text


class TestAtOnce:
    @pytest.mark.parametrize(
        ("annotations", "episodes", "jobs"),
        [
            (rails(max_runs="99/1h"), list(range(16)), 16),
            (rails(max_runs="99/1h"), [0] * 16, 1),
            (rails(max_runs="99/1h"), [*range(8), *range(8)], 8),
            (rails(cooldown="1h"), list(range(16)), 1),
            (rails(mode="approve"), list(range(16)), 1),
        ],
        ids=["16 episodes", "16 copies", "8 twice", "16 with a cooldown", "16 to approve"],
    )
    @pytest.mark.parametrize("together", [False, True], ids=["16 notifications", "1 notification"])
    def test_a_subject_gets_as_many_jobs_as_its_guard_rails_allow(
        self,
        function: str,
        kube: Kube,
        define: Define,
        alertname: str,
        annotations: Labels,
        episodes: list[int],
        jobs: int,
        together: bool,
    ) -> None:
        definition = define(alertname, annotations=annotations | rails(subject="alertname"))
        alerts = [an_episode(alertname, number) for number in episodes]
        notifications = [alerts] if together else [[alert] for alert in alerts]

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda each: notify(function, *each), notifications))

        words = [word for each in answers for word in each.words]
        assert (len(words), words.count("created")) == (16, jobs)
        assert runs(kube.jobs(definition)) == list(range(1, jobs + 1))


class TestWhenAnAlertResolves:
    def test_cancel_ends_the_job_that_still_runs(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel"))
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]

        response = notify(function, an_episode(alertname, status="resolved"))

        until(lambda: has_failed(kube, name), "the job has ended")
        [outcome] = response.outcomes
        assert (outcome["outcome"], outcome["job"]) == ("cancelled", name)
        assert outcome["definition"].endswith("-firing")

    def test_it_finds_the_job_by_the_alerts_labels_wherever_it_started(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel", subject="pod"))
        name = notify(function, an_episode(alertname, 5, pod="web-0")).outcomes[0]["job"]

        response = notify(function, an_episode(alertname, 4, "resolved", pod="web-0"))

        assert response.outcomes[0]["job"] == name

    def test_a_job_that_has_ended_is_left_alone_and_nothing_untrue_is_told(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel"))
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]
        kube.complete(name)

        response = notify(function, an_episode(alertname, status="resolved"))

        assert response.words == ["no-definition"]
        assert kube.get("jobs", name)["spec"].get("activeDeadlineSeconds") is None

    def test_without_cancel_the_job_goes_on(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(max_runs="3/1h"))
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]

        response = notify(function, an_episode(alertname, status="resolved"))

        assert response.words == ["no-definition"]
        assert kube.get("jobs", name)["spec"].get("activeDeadlineSeconds") is None

    def test_a_job_that_waits_is_declined(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(mode="approve"))
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]

        response = notify(function, an_episode(alertname, status="resolved"))

        until(lambda: has_failed(kube, name), "the job has ended")
        assert response.words == ["declined"]
        assert kube.list("pods", f"batch.kubernetes.io/job-name={name}") == []

    def test_an_alert_that_a_notification_holds_twice_is_declined_once(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(mode="approve"))
        notify(function, an_episode(alertname))
        resolved = an_episode(alertname, status="resolved")

        response = notify(function, resolved, resolved)

        assert response.words == ["declined", "declined"]

    def test_first_the_job_is_cancelled_then_the_resolved_one_is_created(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel"))
        over = define(alertname, "resolved")
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]

        [outcome] = notify(function, an_episode(alertname, status="resolved")).outcomes

        assert (outcome["outcome"], outcome["definition"]) == ("created", over)
        assert outcome["message"] == f"cancelled {name}"
        assert names(kube.jobs(over)) == [outcome["job"]]

    @pytest.mark.parametrize(
        ("parts", "word", "also"),
        [
            ({"labels": {"openfero/job-disabled": "true"}}, "disabled", ""),
            ({"annotations": rails(match="severity=info")}, "no-match", ""),
            (
                {"manifest": a_manifest(ttlSecondsAfterFinished=600)},
                "created",
                "ttlSecondsAfterFinished is 600",
            ),
        ],
        ids=["disabled", "no match", "a warning"],
    )
    def test_whatever_its_own_definition_leads_to_what_was_ended_is_told(
        self,
        function: str,
        define: Define,
        alertname: str,
        parts: dict[str, Any],
        word: str,
        also: str,
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel"))
        define(alertname, "resolved", **parts)
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]

        [outcome] = notify(function, an_episode(alertname, status="resolved")).outcomes

        assert outcome["outcome"] == word
        assert also in outcome["message"]
        assert outcome["message"].endswith(f"cancelled {name}")

    def test_so_it_is_when_its_own_definition_is_broken(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel"))
        define(alertname, "resolved", manifest="a: [")
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]

        response = notify(function, an_episode(alertname, status="resolved"))

        assert (response.status, f"cancelled {name}" in response.text) == (422, True)

    def test_the_job_of_the_resolved_definition_is_not_what_is_ended(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel"))
        define(alertname, "resolved")
        resolved = an_episode(alertname, status="resolved")
        name = notify(function, resolved).outcomes[0]["job"]

        [outcome] = notify(function, resolved).outcomes

        assert (outcome["outcome"], outcome["message"]) == ("exists", "")
        assert kube.get("jobs", name)["spec"].get("activeDeadlineSeconds") is None

    def test_nothing_is_ended_by_the_definition_of_another_alert(
        self, function: str, define: Define, alertname: str
    ) -> None:
        mine = {"openfero.io/alertname": alertname}
        define(alertname, annotations=mine | rails(on_resolved="stop"))

        response = notify(function, an_episode(alertname.upper(), status="resolved"))

        assert response.words == ["no-definition"]

    def test_while_the_firing_definition_cannot_be_read_nothing_is_created_and_it_is_named(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        fired = define(alertname, annotations=rails(on_resolved="stop"))
        over = define(alertname, "resolved")

        response = notify(function, an_episode(alertname, status="resolved"))

        assert (response.status, kube.jobs(over)) == (422, [])
        assert f"{fired}: annotation openfero.io/on-resolved must be cancel" in response.text

    def test_switched_off_it_is_in_nobodys_way(
        self, function: str, define: Define, alertname: str
    ) -> None:
        off = {"openfero/job-disabled": "true"}
        define(alertname, annotations=rails(on_resolved="stop"), labels=off)
        define(alertname, "resolved")

        response = notify(function, an_episode(alertname, status="resolved"))

        assert response.words == ["created"]

    def test_resolved_before_firing_is_settled_and_the_job_runs_when_it_fires(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(on_resolved="cancel"))

        before = notify(function, an_episode(alertname, status="resolved"))
        after = notify(function, an_episode(alertname))

        assert (before.words, after.words) == (["no-definition"], ["created"])
        assert len(kube.jobs(definition)) == 1


class TestAudit:
    def test_nothing_is_kept_and_the_answer_says_what_would_have_been(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(mode="audit"))

        responses = [notify(function, an_episode(alertname)) for _ in range(2)]

        assert [each.words for each in responses] == [["would-create"]] * 2
        assert kube.jobs(definition) == []

    def test_it_sees_no_past_because_there_is_none(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(mode="audit", cooldown="1h"))

        words = [notify(function, an_episode(alertname, number)).words for number in (1, 2)]

        assert words == [["would-create"]] * 2

    def test_what_the_api_server_would_refuse_is_the_result_and_no_failure(
        self, function: str, define: Define, alertname: str
    ) -> None:
        manifest = a_manifest({"restartPolicy": "Sometimes"})
        define(alertname, manifest=manifest, annotations=rails(mode="audit"))

        response = notify(function, an_episode(alertname))

        assert (response.status, response.words) == (200, ["would-refuse"])
        assert "restartPolicy" in response.outcomes[0]["message"]

    def test_what_is_no_job_at_all_is_broken_as_in_earnest(
        self, function: str, define: Define, alertname: str
    ) -> None:
        define(alertname, manifest="a: [", annotations=rails(mode="audit"))

        assert notify(function, an_episode(alertname)).status == 422

    def test_a_job_that_was_made_in_earnest_exists(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname)
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]
        kube.patch("configmaps", definition, {"metadata": {"annotations": rails(mode="audit")}})

        [outcome] = notify(function, an_episode(alertname)).outcomes

        assert (outcome["outcome"], outcome["job"]) == ("exists", name)

    def test_nothing_is_kept_even_of_what_the_api_server_warns_of_too_often(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        """Warnings that cannot be read are asked for once more without."""
        manifest = a_manifest(**{f"unknown{number}": 1 for number in range(120)})
        definition = define(alertname, manifest=manifest, annotations=rails(mode="audit"))

        assert notify(function, an_episode(alertname)).words == ["would-create"]
        assert kube.jobs(definition) == []

    def test_what_would_wait_for_a_person_says_so(
        self, door: str, tmp_path: Path, kubeconfig: Path, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(mode="approve"))

        with running(door, tmp_path / "log", kubeconfig, OPENFERO_MODE="audit") as process:
            [outcome] = notify(process.url, an_episode(alertname)).outcomes

        assert outcome["outcome"] == "would-create"
        assert "suspended until a person approves it" in outcome["message"]

    def test_a_job_that_was_made_before_is_not_ended(
        self, function: str, kube: Kube, define: Define, alertname: str
    ) -> None:
        definition = define(alertname, annotations=rails(on_resolved="cancel"))
        name = notify(function, an_episode(alertname)).outcomes[0]["job"]
        audit = {"metadata": {"annotations": rails(mode="audit")}}
        kube.patch("configmaps", definition, audit)

        response = notify(function, an_episode(alertname, status="resolved"))

        assert response.words == ["no-definition"]
        assert kube.get("jobs", name)["spec"].get("activeDeadlineSeconds") is None


@pytest.mark.parametrize(
    ("mode", "word", "jobs"), [("audit", "would-create", 0), ("approve", "created", 1)]
)
def test_the_setting_is_for_all_definitions(
    door: str,
    tmp_path: Path,
    kubeconfig: Path,
    kube: Kube,
    define: Define,
    alertname: str,
    mode: str,
    word: str,
    jobs: int,
) -> None:
    definition = define(alertname)

    with running(door, tmp_path / "log", kubeconfig, OPENFERO_MODE=mode) as process:
        response = notify(process.url, an_episode(alertname))

    assert response.words == [word]
    assert len(kube.jobs(definition)) == len(suspended(kube.jobs(definition))) == jobs
    assert f'"mode": "{mode}"' in process.lines()[0]


def test_what_waits_because_of_the_setting_is_declined_when_its_alert_resolves(
    door: str, tmp_path: Path, kubeconfig: Path, define: Define, alertname: str
) -> None:
    define(alertname)

    with running(door, tmp_path / "log", kubeconfig, OPENFERO_MODE="approve") as process:
        notify(process.url, an_episode(alertname))
        response = notify(process.url, an_episode(alertname, status="resolved"))

    assert response.words == ["declined"]


# What people do to Jobs.


@pytest.mark.parametrize("label", ["openfero.io/subject", "openfero.io/definition"])
def test_a_job_that_its_labels_no_longer_show_stops_its_subject_and_no_other(
    function: str, kube: Kube, define: Define, alertname: str, label: str
) -> None:
    define(alertname, annotations=rails(max_runs="9/1h", subject="alertname"))
    define(f"{alertname}Other")
    name = notify(function, an_episode(alertname)).outcomes[0]["job"]
    kube.patch("jobs", name, {"metadata": {"labels": {label: None}}})

    refused = notify(function, an_episode(alertname, 1))
    others = notify(
        function,
        *[an_episode(alertname, number) for number in range(1, 20)],
        *[an_episode(f"{alertname}Other", pod=f"web-{number}") for number in range(5)],
    )

    assert refused.text == (
        f"1 of 1 alerts unavailable: openfero-{alertname.lower()}-firing: "
        "run 1 is there, but somebody has changed its labels"
    )
    assert others.text.startswith("19 of 24 alerts unavailable: ")
    kube.delete("jobs", name)


def test_a_job_that_waits_and_whose_rail_is_taken_away_is_still_declined(
    function: str, kube: Kube, define: Define, alertname: str
) -> None:
    definition = define(alertname, annotations=rails(mode="approve", cooldown="1h"))
    notify(function, an_episode(alertname))
    gone = {"metadata": {"annotations": {"openfero.io/mode": None}}}
    kube.patch("configmaps", definition, gone)

    response = notify(function, an_episode(alertname, status="resolved"))

    assert response.words == ["declined"]


# At the wire.


def asked(proxy: FaultProxy, since: int, alertname: str) -> list[str]:
    """Return what was asked of the API server about an alert: the method and the kind of object.

    But for Events, which come beside the answer.
    """
    kinds = {"configmaps": "definition", "jobs": "job"}
    found = []
    for request in proxy.requests[since:]:
        if alertname.lower() not in request.path + request.body.decode():
            continue
        parts = request.path.partition("?")[0].split("/")
        found += [f"{request.method} {kinds[part]}" for part in parts if part in kinds]
    return found


class TestRequests:
    def test_an_unguarded_alert_that_fires_costs_one_read_and_one_create(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        since = len(proxy.requests)

        notify(proxied.url, an_episode(alertname))

        assert asked(proxy, since, alertname) == ["GET definition", "POST job"]

    def test_an_unguarded_alert_that_resolves_costs_two_reads_and_one_patch(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname)
        since = len(proxy.requests)

        notify(proxied.url, an_episode(alertname, status="resolved"))

        until(
            lambda: "PATCH job" in asked(proxy, since, alertname),
            "its job, if there is one, is marked",
        )
        assert sorted(asked(proxy, since, alertname)) == [
            "GET definition",
            "GET definition",
            "PATCH job",
        ]

    def test_a_guarded_alert_costs_one_list_more(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(cooldown="1h"))
        since = len(proxy.requests)

        notify(proxied.url, an_episode(alertname))

        assert asked(proxy, since, alertname) == ["GET definition", "GET job", "POST job"]

    @pytest.mark.parametrize(("hours", "word"), [(0, "cooling-down"), (1, "created")])
    def test_the_time_is_the_api_servers(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        define: Define,
        alertname: str,
        hours: int,
        word: str,
    ) -> None:
        """For the function it is as if its own clock were an hour behind."""
        define(alertname, annotations=rails(cooldown="30m", subject="alertname"))
        notify(proxied.url, an_episode(alertname, 1))
        date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)

        with proxy.playing(always(Amend((("Date", date),)))):
            response = notify(proxied.url, an_episode(alertname, 2))

        assert response.words == [word]

    def test_fifty_alerts_of_one_subject_cost_no_more_lists_than_they_make_runs(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(max_runs="2/1h", subject="alertname"))
        since = len(proxy.requests)

        response = notify(proxied.url, *[an_episode(alertname, number) for number in range(50)])

        assert sorted(set(response.words)) == ["created", "needs-approval"]
        assert (
            asked(proxy, since, alertname).count("GET job")
            == asked(proxy, since, alertname).count("POST job") + 1
            == 4
        )

    def test_a_list_has_as_many_pages_as_it_takes(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(max_runs="20/1h", subject="alertname"))
        notify(proxied.url, *[an_episode(alertname, number) for number in range(20)])
        since = len(proxy.requests)

        [last] = notify(proxied.url, an_episode(alertname, 20)).outcomes

        assert "its subject had 20 runs" in last["message"]
        assert asked(proxy, since, alertname).count("GET job") == 3

    def test_jobs_that_are_too_large_together_are_listed_one_by_one(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        """An API server may write one character as six, and then eight do not fit an answer."""
        define(alertname, annotations=rails(max_runs="9/1h", subject="alertname"))
        notify(proxied.url, *[an_episode(alertname, number) for number in range(3)])
        since = len(proxy.requests)

        with proxy.playing(always(Answer(200, b" " * (MAX_ANSWER + 1)), is_full_page)):
            response = notify(proxied.url, an_episode(alertname, 3))

        limits = [re.findall(r"limit=(\d+)", r.path) for r in proxy.requests[since:] if is_list(r)]
        assert limits == [[str(PAGE)], ["1"], ["1"], ["1"]]
        assert response.words == ["created"]

    def test_one_job_that_is_too_large_is_asked_for_again_later(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(cooldown="1h"))

        with proxy.playing(always(Answer(200, b" " * (MAX_ANSWER + 1)), is_list)):
            response = notify(proxied.url, an_episode(alertname))

        assert (response.status, "more than it can have to say" in response.text) == (503, True)

    def test_an_api_server_that_tells_no_time_is_asked_again_later(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(cooldown="30m"))

        with proxy.playing(always(Amend((("Date", "today"),)), is_list)):
            response = notify(proxied.url, an_episode(alertname))

        assert (response.status, "what time it is" in response.text) == (503, True)


def is_list(request: Request) -> bool:
    return request.method == "GET" and "/jobs?" in request.path


def is_full_page(request: Request) -> bool:
    return is_list(request) and f"limit={PAGE}" in request.path


def is_patch(request: Request) -> bool:
    return request.method == "PATCH"


def forbidden(verb: str) -> Any:
    told = f'jobs.batch is forbidden: User "openfero" cannot {verb} resource "jobs"'
    return status(403, "Forbidden", told, kind="jobs")


class TestFaults:
    @pytest.mark.parametrize("what", ["ends", "goes"])
    def test_a_job_that_ends_or_goes_by_itself_at_that_moment_is_not_called_cancelled(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
        what: str,
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel"))
        name = notify(proxied.url, an_episode(alertname)).outcomes[0]["job"]

        def rule(request: Request) -> None:
            if is_patch(request) and name in request.path:
                kube.complete(name) if what == "ends" else kube.delete("jobs", name)

        with proxy.playing(rule):
            response = notify(proxied.url, an_episode(alertname, status="resolved"))

        assert response.words == ["no-definition"]

    @pytest.mark.parametrize(
        ("patch", "word", "is_ended"),
        [
            pytest.param(APPROVE, "no-definition", False, id="a person approves it"),
            pytest.param({"metadata": {"labels": {"a": "b"}}}, "declined", True, id="else"),
        ],
    )
    def test_a_job_that_somebody_changes_at_that_moment_is_looked_at_again(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
        patch: dict[str, Any],
        word: str,
        is_ended: bool,
    ) -> None:
        define(alertname, annotations=rails(mode="approve"))
        name = notify(proxied.url, an_episode(alertname)).outcomes[0]["job"]
        changed = threading.Event()

        def rule(request: Request) -> None:
            # Others are patched beside: that the alert of an earlier test resolved.
            if is_patch(request) and name in request.path and not changed.is_set():
                changed.set()
                kube.patch("jobs", name, patch)

        with proxy.playing(rule):
            response = notify(proxied.url, an_episode(alertname, status="resolved"))

        assert response.words == [word]
        assert ("activeDeadlineSeconds" in kube.get("jobs", name)["spec"]) is is_ended

    def test_in_audit_a_full_quota_is_the_result(
        self, proxied: FunctionProcess, proxy: FaultProxy, define: Define, alertname: str
    ) -> None:
        define(alertname, annotations=rails(mode="audit"))
        told = 'jobs.batch "x" is forbidden: exceeded quota: q, used: count/jobs.batch=1'
        full = status(403, "Forbidden", told, kind="jobs")

        with proxy.playing(always(full, lambda request: request.is_create)):
            response = notify(proxied.url, an_episode(alertname))

        assert (response.status, response.words) == (200, ["would-refuse"])
        assert "exceeded quota" in response.outcomes[0]["message"]

    def test_a_missing_right_to_list_is_named_and_heals(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        definition = define(alertname, annotations=rails(cooldown="1h"))

        with proxy.playing(always(forbidden("list"), is_list)):
            refused = notify(proxied.url, an_episode(alertname))

        assert (refused.status, kube.jobs(definition)) == (503, [])
        assert "cannot list jobs" in refused.text
        assert notify(proxied.url, an_episode(alertname)).words == ["created"]

    def test_a_missing_right_to_patch_is_named_nothing_is_created_and_it_heals(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        define(alertname, annotations=rails(on_resolved="cancel"))
        over = define(alertname, "resolved")
        notify(proxied.url, an_episode(alertname))
        resolved = an_episode(alertname, status="resolved")

        with proxy.playing(always(forbidden("patch"), is_patch)):
            refused = notify(proxied.url, resolved)

        assert (refused.status, kube.jobs(over)) == (503, [])
        assert "cannot patch the job" in refused.text
        assert notify(proxied.url, resolved).words == ["created"]

    @pytest.mark.parametrize("fault", [Reset(), Reset(after_storing=True)], ids=["before", "after"])
    def test_a_cut_create_makes_one_run(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
        fault: Reset,
    ) -> None:
        definition = define(alertname, annotations=rails(cooldown="1h", max_runs="5/1h"))

        with proxy.playing(first(1, fault, lambda request: request.is_create)):
            response = notify(proxied.url, an_episode(alertname))

        assert response.words[0] in ("created", "exists")
        assert runs(kube.jobs(definition)) == [1]

    def test_two_writers_that_saw_the_same_past_do_not_both_run(
        self,
        proxied: FunctionProcess,
        proxy: FaultProxy,
        kube: Kube,
        define: Define,
        alertname: str,
    ) -> None:
        """Both have listed when the first one creates."""
        definition = define(alertname, annotations=rails(cooldown="1h", subject="alertname"))
        both = threading.Barrier(2)

        def rule(request: Request) -> None:
            if request.is_create:
                both.wait(10)

        with proxy.playing(rule), ThreadPoolExecutor(2) as pool:
            sent = [pool.submit(notify, proxied.url, an_episode(alertname, n)) for n in (1, 2)]
            words = sorted(each.result().words[0] for each in sent)

        assert words == ["cooling-down", "created"]
        assert runs(kube.jobs(definition)) == [1]


@pytest.mark.parametrize(
    "hangs",
    [is_list, lambda request: request.is_create],
    ids=["between list and create", "between create and answer"],
)
def test_a_function_that_is_killed_leaves_the_same_count_after_the_retry(
    door: str,
    tmp_path: Path,
    proxy: FaultProxy,
    proxy_kubeconfig: Path,
    kube: Kube,
    define: Define,
    alertname: str,
    hangs: Callable[[Request], bool],
) -> None:
    definition = define(alertname, annotations=rails(cooldown="1h", max_runs="1/1h"))
    alert = an_episode(alertname)
    port = free_port()

    with proxy.playing(first(1, Hang(), hangs)), ThreadPoolExecutor(1) as pool:
        with running(door, tmp_path / "log", proxy_kubeconfig, port) as process:
            sent = pool.submit(notify, process.url, alert)
            proxy.hanging.acquire(timeout=20)
        assert isinstance(sent.exception(), OSError)

    with running(door, tmp_path / "log", proxy_kubeconfig, port) as process:
        retry = notify(process.url, alert)

    assert retry.words == ["created"]
    assert (runs(kube.jobs(definition)), suspended(kube.jobs(definition))) == ([1], [])


@pytest.fixture
def two_functions(door: str, tmp_path: Path, kubeconfig: Path) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(running(door, tmp_path / f"log-{number}", kubeconfig)).url
            for number in range(2)
        ]


def test_two_functions_and_two_hundred_notifications_never_pass_a_limit_and_lose_none(
    two_functions: list[str], kube: Kube, define: Define, alertname: str
) -> None:
    """Ten subjects, each with flapping episodes and repeats, in any order and all at once."""
    annotations = rails(max_runs="3/24h", subject="pod")
    definition = define(alertname, annotations=annotations)
    sent = [
        (random.choice(two_functions), an_episode(alertname, number % 5, pod=f"web-{pod}"))
        for pod in range(10)
        for number in range(20)
    ]
    random.shuffle(sent)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda one: until_settled(*one), sent))

    assert {each.status for each in answers} == {200}
    for pod in range(10):
        of_pod = [job for job in kube.jobs(definition) if told(job)["OPENFERO_POD"] == f"web-{pod}"]
        assert runs(of_pod) == [1, 2, 3, 4], "three run, and the fourth waits"
        assert len(suspended(of_pod)) == 1
        episodes = [job["metadata"]["labels"]["openfero.io/episode"] for job in of_pod]
        assert len(set(episodes)) == 4


def until_settled(url: str, alert: Any) -> Response:
    """Send again after a 503, as Alertmanager does."""
    for _ in range(5):
        response = notify(url, alert)
        if response.status != 503:
            break
    return response


def told(job: dict[str, Any]) -> Labels:
    container = job["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}

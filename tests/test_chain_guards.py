"""Guard rails with a real Alertmanager, whose times are seconds: what runs again, what does not."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import alertmanagers
import pytest
from alertmanagers import Alertmanager, configuration
from chain import await_repeats, guarded, name_of, need_release, outcomes, write_token
from conftest import Define
from function_process import FunctionProcess
from kube import Kube, Objects
from make import rails
from waiting import until

pytestmark = pytest.mark.usefixtures("needs_control_plane")

# Told again each second, so that a test can wait for what must not happen.
REPEATING = {"group_interval": "1s", "repeat_interval": "1s"}


@pytest.fixture(scope="module")
def function(
    needs_control_plane: None, door: str, kubeconfig: Path, folder: Path
) -> Iterator[FunctionProcess]:
    token = write_token(folder)
    with guarded(door, folder / "chain-guards", kubeconfig, token) as function:
        yield function


@pytest.fixture(scope="module", params=alertmanagers.NEEDS)
def alertmanager(
    request: pytest.FixtureRequest, function: FunctionProcess, folder: Path
) -> Iterator[Alertmanager]:
    release = need_release(request.param)
    content = configuration(f"{function.url}/alerts", folder / "token", **REPEATING)
    with ExitStack() as stack:
        home = folder / f"alertmanager-{request.param}"
        yield stack.enter_context(alertmanagers.running(release, home, content))


def suspended(jobs: Objects) -> Objects:
    return [job for job in jobs if job["spec"].get("suspend")]


def await_outcome(function: FunctionProcess, alertname: str, word: str) -> None:
    until(lambda: word in outcomes(function, alertname), f"{alertname} is {word}")


def test_an_alert_that_goes_on_is_repaired_again_once_rerun_after_is_over(
    alertmanager: Alertmanager,
    function: FunctionProcess,
    kube: Kube,
    define: Define,
    alertname: str,
) -> None:
    definition = define(alertname, annotations=rails(rerun_after="2s"))
    alertmanager.fire({"alertname": alertname})
    until(lambda: kube.jobs(definition), "there is a job")
    [first] = map(name_of, kube.jobs(definition))
    await_repeats(function, alertname)
    assert [name_of(job) for job in kube.jobs(definition)] == [first], "it has not ended"

    kube.complete(first)

    until(lambda: len(kube.jobs(definition)) == 2, "there is another")
    await_repeats(function, alertname)
    assert len(kube.jobs(definition)) == 2


def test_an_alert_that_flaps_is_held_back_by_its_cooldown(
    alertmanager: Alertmanager,
    function: FunctionProcess,
    kube: Kube,
    define: Define,
    alertname: str,
) -> None:
    definition = define(alertname, annotations=rails(cooldown="1h"))
    labels = {"alertname": alertname}
    for _ in range(3):
        told = len(outcomes(function, alertname, "resolved"))
        alertmanager.fire(labels)
        await_repeats(function, alertname)
        alertmanager.resolve(labels)
        until(lambda told=told: len(outcomes(function, alertname, "resolved")) > told, "it is over")

    assert len(kube.jobs(definition)) == 1
    assert {"created", "cooling-down"} <= set(outcomes(function, alertname))


def test_more_episodes_than_max_runs_end_in_one_job_that_waits_and_is_declined_when_all_is_over(
    alertmanager: Alertmanager,
    function: FunctionProcess,
    kube: Kube,
    define: Define,
    alertname: str,
) -> None:
    definition = define(alertname, annotations=rails(max_runs="2/24h", subject="alertname"))
    labels = [{"alertname": alertname, "pod": f"web-{number}"} for number in range(5)]
    alertmanager.fire(*labels)
    await_outcome(function, alertname, "needs-approval")
    await_repeats(function, alertname)
    jobs = kube.jobs(definition)
    assert (len(jobs), len(suspended(jobs))) == (3, 1)

    alertmanager.resolve(*labels)

    await_outcome(function, alertname, "created")
    until(lambda: "declined" in outcomes(function, alertname, "resolved"), "it is declined")
    assert len(kube.jobs(definition)) == 3


def test_what_still_runs_when_the_alert_is_over_is_cancelled(
    alertmanager: Alertmanager,
    function: FunctionProcess,
    kube: Kube,
    define: Define,
    alertname: str,
) -> None:
    definition = define(alertname, annotations=rails(on_resolved="cancel"))
    alertmanager.fire({"alertname": alertname})
    until(lambda: kube.jobs(definition), "there is a job")

    alertmanager.resolve({"alertname": alertname})

    until(lambda: has_failed(kube.jobs(definition)[0]), "the job is ended")
    assert "cancelled" in outcomes(function, alertname, "resolved")


def has_failed(job: dict) -> bool:
    conditions = job.get("status", {}).get("conditions") or []
    return any(each["type"] == "Failed" and each["status"] == "True" for each in conditions)

"""Every difference from the original that the docs claim is held by a test, named here."""

import ast
from functools import cache
from pathlib import Path

import pytest
from test_docs import table

TESTS = Path(__file__).parent

HELD_BY = {
    "the answer": [
        "test_a_refused_connection_is_503_in_one_line_with_retry_after",
        "test_when_it_is_back_the_retry_creates_exactly_what_was_missing",
        "test_a_broken_definition_is_422_in_one_line_that_names_it",
    ],
    "the status": [
        "test_a_firing_group_with_a_resolved_member_runs_each_ones_job",
        "test_a_resolved_alert_never_runs_the_firing_job",
    ],
    "repeats": [
        "test_a_repeat_after_the_job_has_ended_does_not_run_it_again",
        "test_fifty_identical_notifications_of_five_alerts_make_five_jobs",
    ],
    "two alerts in one group": [
        "test_every_alert_of_a_group_gets_its_own_job",
        "test_two_alert_names_in_one_group_do_not_suppress_each_other",
        "test_a_resolved_job_is_made_while_the_firing_job_is_still_there",
    ],
    "the Job's name": ["test_the_answer_says_what_became_of_each_alert"],
    "ttlSecondsAfterFinished": ["test_a_job_is_kept_for_a_day"],
    "ConfigMaps": ["test_a_firing_alert_gets_its_job"],
    "variables": [
        "test_every_container_and_init_container_is_told",
        "test_a_label_cannot_overwrite_a_variable_of_the_author",
    ],
    "the alert": ["test_a_repair_runs_again_from_the_alert_file_of_its_job"],
    "alert names with _, spaces, capitals or umlauts": [
        "test_a_name_with_odd_characters_finds_its_definition",
        "test_an_alert_of_any_name_is_settled",
    ],
    "the manifest's own labels": ["test_labels_of_the_author_stay_beside_ours"],
    "unknown and misplaced fields": [
        "test_the_published_example_runs_and_its_author_learns_of_both_slips",
        "test_strict_refuses_a_misplaced_field",
    ],
    "a manifest without containers": [
        "test_a_manifest_without_containers_is_refused_and_the_function_lives_on"
    ],
    'openfero/job-disabled: "true"': ["test_a_disabled_definition_makes_no_job"],
    "SIGTERM": [
        "test_a_request_in_flight_is_finished_when_the_process_is_told_to_stop",
        "test_where_func_python_cuts_it_off_the_retry_settles_it",
    ],
    "size of a request": ["test_a_body_over_the_limit_is_413"],
    "at rest": [
        "test_a_process_killed_between_storing_and_answering_makes_no_second_job",
    ],
    "namespaces": ["test_definitions_are_looked_for_in_the_namespace_that_is_set"],
    "the page, /api/*, /metrics": ["test_nothing_can_be_read_from_it"],
}


@cache
def names_of_tests() -> set[str]:
    trees = [ast.parse(path.read_text()) for path in TESTS.rglob("test_*.py")]
    return {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    }


def test_every_difference_has_its_tests() -> None:
    assert [row[0] for row in table("docs/coming-from-openfero.md", "")] == list(HELD_BY)


@pytest.mark.parametrize("difference", HELD_BY)
def test_the_tests_named_for_it_are_there(difference: str) -> None:
    assert HELD_BY[difference]
    assert set(HELD_BY[difference]) <= names_of_tests()

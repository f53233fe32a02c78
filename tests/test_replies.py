"""What an answer of the API server means: recorded ones, each judged as the specification says."""

import json

import pytest

from function.replies import Reply, read_reply

NAME = "openfero-a-firing-0123456789ab"
DEFINITION = "openfero-a-firing"


def a_status(code: int, reason: str | None, message: str = "no", details=None, **fields) -> Reply:
    """Return a failure as the API server answers it; a reason of None is absent."""
    content = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}
    if reason is not None:
        content["reason"] = reason
    if details is not None:
        content["details"] = details
    return read_reply(code, json.dumps({**content, "code": code, **fields}).encode(), [])


def about_the_job(**fields) -> dict:
    return {"name": NAME, "group": "batch", "kind": "jobs", **fields}


ALREADY_EXISTS = a_status(
    409, "AlreadyExists", f'jobs.batch "{NAME}" already exists', about_the_job()
)
BEING_DELETED = a_status(
    409,
    "AlreadyExists",
    f'object is being deleted: jobs.batch "{NAME}" already exists',
    about_the_job(),
)
QUOTA_CONFLICT = a_status(
    409,
    "Conflict",
    'Operation cannot be fulfilled on resourcequotas "q": the object has been modified; '
    "please apply your changes to the latest version and try again",
    {"name": "q", "kind": "resourcequotas"},
)
WEBHOOK_CONFLICT = a_status(409, "Conflict", "something else")
FULL_QUOTA = a_status(
    403,
    "Forbidden",
    f'jobs.batch "{NAME}" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, '
    "used: count/jobs.batch=5, limited: count/jobs.batch=5",
    about_the_job(),
)
NO_PERMISSION = a_status(
    403,
    "Forbidden",
    'jobs.batch is forbidden: User "system:serviceaccount:openfero:openfero-function" cannot '
    'create resource "jobs" in API group "batch" in the namespace "openfero-jobs"',
    {"group": "batch", "kind": "jobs"},
)
TERMINATING = a_status(
    403,
    "Forbidden",
    f'jobs.batch "{NAME}" is forbidden: unable to create new content in namespace openfero-jobs '
    "because it is being terminated",
    about_the_job(causes=[{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]),
)
BUILT_IN_ADMISSION = a_status(
    403,
    "Forbidden",
    f'jobs.batch "{NAME}" is forbidden: no PriorityClass with name x was found',
    about_the_job(),
)
UNAUTHORIZED = a_status(401, "Unauthorized", "Unauthorized")
TOO_MANY_REQUESTS = a_status(
    429, "TooManyRequests", "too many requests, please try again later", {"retryAfterSeconds": 1}
)
REQUEST_TIMEOUT = a_status(408, "Timeout", "timed out")
WEBHOOK_OUT_OF_REACH = a_status(
    500,
    "InternalError",
    'Internal error occurred: failed calling webhook "w.example": connection refused',
    {"causes": [{"message": "connection refused"}]},
)
UNAVAILABLE = a_status(503, "ServiceUnavailable", "apiserver not ready")
GATEWAY = read_reply(504, b"<html>Gateway Time-out</html>", [])

STRICT_DECODING = a_status(
    400,
    "BadRequest",
    'Job in version "v1" cannot be handled as a Job: strict decoding error: '
    'unknown field "spec.template.labels"',
)
FOREIGN_NAMESPACE = a_status(
    400,
    "BadRequest",
    "the namespace of the provided object does not match the namespace sent on the request",
)
INVALID = a_status(
    422, "Invalid", f'Job.batch "{NAME}" is invalid: spec.template: Required value', about_the_job()
)
POLICY = a_status(
    422,
    "Invalid",
    f"jobs.batch \"{NAME}\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' "
    "denied request: no",
    about_the_job(),
)
POLICY_FORBIDS = a_status(
    403,
    "Forbidden",
    f"jobs.batch \"{NAME}\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' "
    "denied request: no",
    about_the_job(),
)
POLICY_TOO_LARGE = a_status(413, "RequestEntityTooLarge", "denied request: too large")
WEBHOOK = 'admission webhook "w.example" denied the request: no'
TOO_LARGE = a_status(413, "RequestEntityTooLarge", "limit is 3145728")

REFUSALS = {
    "strict decoding": STRICT_DECODING,
    "a foreign namespace": FOREIGN_NAMESPACE,
    "invalid": INVALID,
    "a policy": POLICY,
    "a policy whose reason is Forbidden": POLICY_FORBIDS,
    "a policy whose reason is its size": POLICY_TOO_LARGE,
    "a webhook without a reason": a_status(400, None, WEBHOOK),
    "a webhook with 401": a_status(401, None, WEBHOOK),
    "a webhook with 403": a_status(403, "Forbidden", WEBHOOK),
    "a webhook with 404": a_status(404, None, WEBHOOK),
    "a webhook with 408": a_status(408, None, WEBHOOK),
    "a webhook with 409": a_status(409, None, WEBHOOK),
    "a webhook with 418": a_status(418, None, WEBHOOK),
    "larger than 3 MiB": TOO_LARGE,
}
NO_REFUSALS = {
    "already exists": ALREADY_EXISTS,
    "is being deleted": BEING_DELETED,
    "a conflict about a quota": QUOTA_CONFLICT,
    "a conflict about the job": a_status(409, "Conflict", details=about_the_job()),
    "a conflict without details": WEBHOOK_CONFLICT,
    "a full quota": FULL_QUOTA,
    "no permission": NO_PERMISSION,
    "a namespace that ends": TERMINATING,
    "a built-in admission": BUILT_IN_ADMISSION,
    "unauthorized": UNAUTHORIZED,
    "too many requests": TOO_MANY_REQUESTS,
    "a webhook with 429": a_status(429, None, WEBHOOK),
    "a time-out": REQUEST_TIMEOUT,
    "a webhook out of reach": WEBHOOK_OUT_OF_REACH,
    "a webhook with 500": a_status(500, None, WEBHOOK),
    "not ready": UNAVAILABLE,
    "a gateway": GATEWAY,
    "a wrong path": a_status(404, "NotFound", "the server could not find it", {}),
    "no namespace": a_status(
        404, "NotFound", 'namespaces "x" not found', {"name": "x", "kind": "namespaces"}
    ),
    "created": read_reply(201, b"{}", []),
    "a redirect": read_reply(302, b"", []),
}


# Refusals: 422


@pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS.keys())
def test_an_answer_that_judges_the_job_is_a_refusal(reply):
    assert reply.is_refusal


@pytest.mark.parametrize("reply", NO_REFUSALS.values(), ids=NO_REFUSALS.keys())
def test_an_answer_that_time_or_an_operator_can_mend_is_no_refusal(reply):
    assert not reply.is_refusal


@pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_is_not_worth_another_try(reply):
    assert not reply.is_worth_another_try


# Another try


WORTH_ANOTHER_TRY = [
    "a conflict about a quota",
    "a conflict without details",
    "too many requests",
    "a webhook with 429",
    "a webhook out of reach",
    "a webhook with 500",
    "not ready",
    "a gateway",
]


@pytest.mark.parametrize("name", NO_REFUSALS)
def test_an_answer_is_worth_another_try_if_a_moment_may_change_it(name):
    assert NO_REFUSALS[name].is_worth_another_try is (name in WORTH_ANOTHER_TRY)


# Exists


@pytest.mark.parametrize("reply", [ALREADY_EXISTS, BEING_DELETED], ids=["exists", "being deleted"])
def test_a_job_exists_if_the_answer_is_about_that_very_job(reply):
    assert reply.is_about("AlreadyExists", "jobs", NAME)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(QUOTA_CONFLICT, id="a conflict about a quota"),
        pytest.param(WEBHOOK_CONFLICT, id="a conflict without details"),
        pytest.param(a_status(409, "AlreadyExists"), id="no details"),
        pytest.param(a_status(409, "AlreadyExists", details={}), id="empty details"),
        pytest.param(a_status(409, "AlreadyExists", details="jobs"), id="details of another type"),
        pytest.param(
            a_status(409, "AlreadyExists", details=about_the_job(name="x")), id="another job"
        ),
        pytest.param(
            a_status(409, "AlreadyExists", details=about_the_job(kind="pods")), id="another kind"
        ),
        pytest.param(a_status(409, "Conflict", details=about_the_job()), id="another reason"),
        pytest.param(a_status(409, None, details=about_the_job()), id="no reason"),
        pytest.param(read_reply(409, b"", []), id="an empty answer"),
        pytest.param(read_reply(409, b"[]", []), id="a list"),
    ],
)
def test_another_409_made_no_job_and_shows_none(reply):
    assert not reply.is_about("AlreadyExists", "jobs", NAME)


# No definition


def test_there_is_no_definition_if_the_answer_is_about_that_very_configmap():
    reply = a_status(
        404,
        "NotFound",
        f'configmaps "{DEFINITION}" not found',
        {"name": DEFINITION, "kind": "configmaps"},
    )

    assert reply.is_about("NotFound", "configmaps", DEFINITION)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(a_status(404, "NotFound", details={}), id="a wrong path"),
        pytest.param(
            a_status(404, "NotFound", details={"name": "x", "kind": "namespaces"}),
            id="a missing namespace",
        ),
        pytest.param(
            a_status(404, "NotFound", details={"name": "x", "kind": "configmaps"}),
            id="another configmap",
        ),
        pytest.param(read_reply(404, b"404 page not found\n", []), id="another server"),
        pytest.param(NO_PERMISSION, id="no permission"),
    ],
)
def test_another_404_says_nothing_about_the_definition(reply):
    assert not reply.is_about("NotFound", "configmaps", DEFINITION)


# The object that was asked for


def an_object(status: int = 200, **fields) -> Reply:
    content = {"kind": "ConfigMap", "metadata": {"name": DEFINITION}, **fields}
    return read_reply(status, json.dumps(content).encode(), [])


@pytest.mark.parametrize("status", [200, 201, 202])
def test_the_object_that_was_asked_for_is_known_by_kind_and_name(status):
    assert an_object(status).is_object("ConfigMap", DEFINITION)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(an_object(kind="Namespace"), id="another kind"),
        pytest.param(an_object(kind="ConfigMapList"), id="a list of them"),
        pytest.param(an_object(kind=None), id="no kind"),
        pytest.param(an_object(metadata={"name": "x"}), id="another name"),
        pytest.param(an_object(metadata=None), id="no metadata"),
        pytest.param(an_object(metadata=["name"]), id="metadata of another type"),
        pytest.param(an_object(404), id="not found"),
        pytest.param(an_object(302), id="a redirect"),
        pytest.param(read_reply(200, b"<html>", []), id="no JSON"),
        pytest.param(read_reply(200, b"[]", []), id="a list"),
        pytest.param(read_reply(200, b"", []), id="empty"),
    ],
)
def test_a_200_that_is_not_what_was_asked_for_is_not_taken(reply):
    assert not reply.is_object("ConfigMap", DEFINITION)


# What it says


def test_an_answer_says_its_message():
    assert INVALID.text == f'Job.batch "{NAME}" is invalid: spec.template: Required value'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"{}",
        b'{"message": null}',
        b'{"message": ""}',
        b'{"message": {}}',
        b"\xff",
        b"[" * 100_000,
    ],
    ids=[
        "empty",
        "html",
        "null",
        "no message",
        "a null message",
        "an empty message",
        "a message of another type",
        "no text",
        "brackets",
    ],
)
def test_an_answer_that_says_nothing_is_told_by_its_status(body):
    assert read_reply(502, body, []).text == "it answered 502"


# Warnings


@pytest.mark.parametrize(
    ("header", "warning"),
    [
        (
            '299 - "unknown field \\"spec.template.labels\\""',
            'unknown field "spec.template.labels"',
        ),
        ('299 - "a"', "a"),
        ('299 - ""', ""),
        ('299 kube-apiserver "a \\\\ b"', "a \\ b"),
        ('299 - "a" "Mon, 23 Nov 2026 13:52:24 GMT"', "a"),
        ("something else", "something else"),
        ('299 - "unfinished', '299 - "unfinished'),
        ("", ""),
    ],
)
def test_the_text_of_a_warning_is_read(header, warning):
    assert read_reply(201, b"{}", [header]).warnings == (warning,)


def test_a_warning_is_utf_8_that_was_read_as_latin_1():
    header = '299 - "überläuft 🔥"'.encode().decode("latin-1")

    assert read_reply(201, b"{}", [header]).warnings == ("überläuft 🔥",)


def test_a_warning_that_is_no_utf_8_is_read_as_far_as_it_goes():
    assert read_reply(201, b"{}", ['299 - "a\xff\u20acb"']).warnings == ("a\ufffd?b",)


def test_each_warning_of_an_answer_is_read():
    headers = [f'299 - "unknown field \\"{field}\\""' for field in "ab"]

    warnings = read_reply(201, b"{}", headers).warnings

    assert warnings == ('unknown field "a"', 'unknown field "b"')


def test_a_warning_of_any_length_is_read():
    header = '299 - "' + '\\"' * 30_000 + '"'

    assert read_reply(201, b"{}", [header]).warnings == ('"' * 30_000,)

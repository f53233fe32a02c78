"""What must hold for each case. Values in, findings out; a finding is one sentence."""

import json
import re
from collections.abc import Iterator
from typing import Any

from fuzzing.cases import Case, Request
from fuzzing.subject import Run, Seen, cheapest
from fuzzing.wire import NAMESPACE, Call

from function.local.rules import check_job

# For one request: of CPU time, which a busy machine does not change; of time on the clock, for
# what only waits; and of memory that was not there before.
SECONDS = 1.0
ELAPSED = 10.0
MIB = 256.0
MAX_LINE = 200
MAX_MESSAGE = 1024
MAX_JOB = 1024 * 1024
MAX_FILE = 128 * 1024
MAX_VALUE = 32 * 1024
OUTCOME = {"alert", "status", "fingerprint", "definition", "outcome", "job", "message"}
KINDS = (
    *("created", "exists", "no-definition", "disabled", "no-match"),
    *("cooling-down", "needs-approval"),
    *("would-create", "would-refuse", "cancelled", "declined"),
)
JOB_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?", re.ASCII)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
HEADER = re.compile(r"[ -~]+")
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*", re.ASCII)
Findings = Iterator[str]


def of_case(case: Case, *runs: Run) -> list[str]:
    """Return what is wrong with any run of a case, and what even the cheapest took too much."""
    return [*(why for run in runs for why in of_answers(case, run)), *of_cost(cheapest(runs))]


def of_answers(case: Case, run: Run) -> list[str]:
    """Return what is wrong with what came of a case, whatever it took."""
    sent = [request for request in case.requests for _ in range(2 if case.is_repeated else 1)]
    pairs = zip(sent, run.seen, strict=True)
    found = [why for request, seen in pairs for why in _of_request(case, request, seen)]
    if case.is_repeated:
        found += _of_repeats(run.seen)
    return [*found, *_of_words(case, run.seen[-1])]


def of_cost(run: Run) -> Findings:
    """Say whether a case took too long, or too much."""
    if run.seconds > SECONDS:
        yield f"it took {run.seconds:.1f} s of CPU time, more than {SECONDS:.0f}"
    if run.elapsed > ELAPSED:
        yield f"it came after {run.elapsed:.0f} s, more than {ELAPSED:.0f}"
    if run.mib > MIB:
        yield f"it took {run.mib:.0f} MiB, more than {MIB:.0f}"


def _of_request(case: Case, request: Request, seen: Seen) -> Findings:
    yield from seen.refused
    if seen.status not in case.statuses:
        expected = ", ".join(map(str, sorted(case.statuses)))
        yield f"it was answered {seen.status}, not {expected}: {seen.body[:200]!r}"
    yield from _of_head(seen)
    yield from _of_body(request, seen)
    yield from of_told(seen)
    if case.is_sound:
        yield from _of_sound(seen)


def _of_head(seen: Seen) -> Findings:
    needed = {405: "Allow", 401: "WWW-Authenticate", 503: "Retry-After"}.get(seen.status)
    if needed and needed not in seen.headers:
        yield f"{seen.status} comes without {needed}"
    for name, text in seen.headers.items():
        if not (HEADER.fullmatch(name) and HEADER.fullmatch(text)):
            yield f"the header {name!r} is no header: {text!r}"
    if seen.headers.get("Content-Length") != str(len(seen.body)):
        yield "Content-Length is not the length of the body"


def _of_body(request: Request, seen: Seen) -> Findings:
    if seen.headers.get("Content-Type") == "application/json":
        yield from _of_outcomes(request, seen)
    elif seen.body:
        if not _is_line(seen.body.decode("utf-8", "surrogateescape"), MAX_LINE):
            yield f"the answer is no line of at most 200 bytes: {seen.body[:300]!r}"
    elif seen.status not in (200, 202):
        yield f"{seen.status} says nothing"


def _of_outcomes(request: Request, seen: Seen) -> Findings:
    content = _json(seen.body)
    outcomes = content.get("outcomes") if isinstance(content, dict) else None
    if seen.status != 200 or not isinstance(outcomes, list):
        yield f"{seen.status} has no outcomes: {seen.body[:200]!r}"
        return
    if request.is_event != ("ce-type" in seen.headers) or request.is_event != ("counts" in content):
        yield "a CloudEvent is answered with one, and nothing else is"
    for each in outcomes:
        if set(each) != OUTCOME or each["outcome"] not in KINDS:
            yield f"no outcome that 200 may have: {each}"


def _of_repeats(seen: tuple[Seen, ...]) -> Findings:
    """What was made the first time is there the second time, and nothing else is made."""
    for first, second in zip(seen[::2], seen[1::2], strict=True):
        if first.status != second.status:
            yield f"it was answered {first.status}, and then {second.status}"
        made = {job for job, outcome in _jobs(first) if outcome in ("created", "exists")}
        again = {job for job, outcome in _jobs(second) if outcome == "exists"}
        if not made <= again or any(outcome == "created" for _, outcome in _jobs(second)):
            yield f"of the same request again came {sorted(again)}, after {sorted(made)}"


def _jobs(seen: Seen) -> list[tuple[str, str]]:
    content = _json(seen.body)
    outcomes = content.get("outcomes", ()) if isinstance(content, dict) else ()
    return [(str(each["job"]), each["outcome"]) for each in outcomes]


def _of_words(case: Case, seen: Seen) -> Findings:
    if case.says and not any(case.says in str(_json(line.encode())) for line in seen.lines):
        yield f"it does not say {case.says!r}: {seen.body[:200]!r}"


def of_told(seen: Seen) -> Findings:
    """Look at what was logged, and at what the API server was asked."""
    for line in seen.lines:
        yield from _of_line(line)
    for call in seen.calls:
        yield from _of_call(call)


def _of_line(line: str) -> Findings:
    content = _json(line.encode())
    if not isinstance(content, dict) or not {"time", "level", "event"} <= set(content):
        yield f"the log has a line that is no JSON object: {line[:300]}"
    elif "traceback" in content or "defect" in line:
        yield f"the log has a traceback: {str(content.get('traceback', line))[-600:]}"
    elif content["event"] == "cannot record":
        yield f"it cannot be told in the cluster: {content.get('message')}"


def _of_call(call: Call) -> Findings:
    body = _json(call.body) if call.body else {}
    if not isinstance(body, dict):
        yield f"{call.method} {call.target} has a body that is no JSON: {call.body[:200]!r}"
        return
    if call.status >= 500 or (call.status == 404 and "details" not in str(call.told)):
        yield f"{call.method} {call.target} was answered {call.status}: {str(call.told)[:300]}"
    if call.is_for("POST", "events") and call.status not in (201, 409):
        yield f"an Event was answered {call.status}: {str(call.told)[:300]}"
    if call.is_for("POST", "events") and not _is_line(str(body.get("message")), MAX_MESSAGE):
        yield f"an Event is no line of at most {MAX_MESSAGE} bytes: {body.get('message')!r}"
    if call.is_for("PATCH", "jobs"):
        yield from _of_patch(call, body)
    if call.is_for("POST", "jobs"):
        yield from _of_job(call, body)


def _of_patch(call: Call, body: dict[str, Any]) -> Findings:
    if call.status not in (200, 404, 409):
        yield f"a patch was answered {call.status}: {str(call.told)[:300]}"
    resolved = body.get("metadata", {}).get("annotations", {}).get("openfero.io/resolved-at")
    if resolved is not None and not TIME.fullmatch(resolved):
        yield f"resolved-at is no time: {resolved!r}"


def _of_job(call: Call, job: dict[str, Any]) -> Findings:
    metadata = job["metadata"]
    if len(call.body) > MAX_JOB:
        yield f"the Job has {len(call.body)} bytes"
    if not JOB_NAME.fullmatch(str(metadata.get("name"))):
        yield f"no name for a Job: {metadata.get('name')!r}"
    if metadata.get("namespace") != NAMESPACE:
        yield f"no namespace of ours: {metadata.get('namespace')!r}"
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    file = annotations["openfero.io/alert"]
    if len(file.encode("utf-8", "surrogatepass")) > MAX_FILE or not isinstance(
        _json(file.encode("utf-8", "surrogatepass")), dict
    ):
        yield f"the alert file is no JSON of at most 128 KiB: {file[:200]!r}"


def _of_sound(seen: Seen) -> Findings:
    """The manifest is a good one: whatever is wrong with the Job is of our making."""
    for call in seen.calls:
        if call.is_for("POST", "jobs") and call.status not in (200, 201, 409):
            yield f"the API server refuses a Job of ours: {str(call.told)[:300]}"
        job = _json(call.body)
        if call.is_for("POST", "jobs") and isinstance(job, dict):
            yield from (f"a Job of ours: {each}" for each in check_job(job))
            yield from _of_variables(job)
    if seen.status == 422 and b"alerts broken" in seen.body and not seen.lines:
        yield "422, and the log says nothing"


def _of_variables(job: dict[str, Any]) -> Findings:
    for each in job["spec"]["template"]["spec"]["containers"][0]["env"]:
        size = len(each["value"].replace("$$", "$").encode("utf-8", "surrogatepass"))
        is_plain = "\0" not in each["value"] and "$" not in each["value"].replace("$$", "")
        if not VARIABLE.fullmatch(each["name"]) or not is_plain or size > MAX_VALUE:
            yield f"a variable of ours: {each['name']}={each['value'][:100]!r}"


def _is_line(text: str, most: int) -> bool:
    # Half of a surrogate pair is not printable.
    return text.isprintable() and len(text.encode()) <= most


def _json(found: bytes) -> Any:
    """Return JSON as strictly read; None if it is none."""
    try:
        return json.loads(found, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> Any:
    raise ValueError(name)

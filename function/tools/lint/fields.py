"""The fields of a manifest: what is no Job, what the API server would say, what the function does.

The API's rules are asked about the very Job that the function would build, so that nobody is
blamed for what it takes out or fills in; each finding is then told of the manifest.
"""

import re
from collections.abc import Iterator
from typing import Any

from function.local.findings import Finding as Verdict
from function.local.findings import Kind
from function.local.rules import check_job
from function.rails import Rails
from function.tools.documents import Path
from function.tools.findings import Finding
from function.tools.lint.building import Built, build
from function.tools.lint.containers import POD, to_path, value_at
from function.tools.lint.places import why_unknown
from function.tools.lint.written import Written

_HINTS = {
    "CronJob": "; a Job's spec is what it has under spec.jobTemplate.spec",
    "Pod": "; its spec belongs under the Job's spec.template.spec",
}
JOB = {"apiVersion": "batch/v1", "kind": "Job"}

_CODES = {
    Kind.UNKNOWN: "unknown-field",
    Kind.TYPE: "wrong-type",
    Kind.INVALID: "refused",
    Kind.WARNING: "server-warning",
}
# As the API server names the place, which is not as it is written.
_METADATA = re.compile(r"(spec\.template)\.(labels|annotations)$")
_CONTAINER = re.compile(r"(spec\.template\.spec\.(\w+)\[(\d+)\]\.env)\[(\d+)\]")
_QUOTED = re.compile(r'Invalid value: "((?:[^"\\]|\\.)*)"')
_TYPES = {
    "string": "text",
    "bool": "true or false",
    "int32": "a whole number",
    "int64": "a whole number",
}


def findings(
    manifest: Written, rails: Rails | None = None, namespace: str = ""
) -> Iterator[Finding]:
    """Return what is wrong with the fields of a manifest.

    `rails` are its guard rails, if they can be read; `namespace` is the one of the Jobs, if it
    is known.
    """
    if not isinstance(manifest.value, dict):
        yield manifest.find("not-a-job", (), "the manifest must be a mapping: a batch/v1 Job")
        return
    yield from _kind(manifest)
    if manifest.value.get("kind") != JOB["kind"]:
        return
    built = build(manifest.value, rails or Rails(), namespace)
    for code, path, message in built.notes:
        yield manifest.find(code, path, message)
    yield from _verdicts(manifest, built)


def _kind(manifest: Written) -> Iterator[Finding]:
    for name, expected in JOB.items():
        found = manifest.value.get(name)
        if found != expected:
            message = f"{name} must be {expected}, found {'nothing' if found is None else found}"
            hint = _HINTS.get(str(found), "")
            yield manifest.find("not-a-job", (name,), message + hint)


def _verdicts(manifest: Written, built: Built) -> Iterator[Finding]:
    """Return what the API server would say to what was built, and of what had to be left out."""
    told: dict[tuple[Path, str], Finding] = {}
    for verdict, text in _asked(manifest.value, built):
        path = _path(text, verdict, manifest.value)
        found = manifest.find(_CODES[verdict.kind], path, _message(verdict, text, manifest.value))
        if verdict.kind is Kind.UNKNOWN:
            found = _unknown(manifest, path, text)
        # Of a value that two rules know better, the one that allows less knows it best.
        key = (path, found.message.partition(": supported values: ")[0])
        told[key] = min(told.get(key, found), found, key=lambda each: len(each.message))
    yield from told.values()


def _asked(value: dict[str, Any], built: Built) -> Iterator[tuple[Verdict, str]]:
    """Return verdicts, each with its place in the manifest."""
    left_out = tuple(built.left_out)
    for verdict in check_job({**value, **JOB}) if left_out else ():
        if verdict.field.startswith(left_out):
            yield verdict, verdict.field
    for verdict in check_job({**built.job, **JOB}):
        if not (left_out and verdict.field.startswith(left_out)):
            yield verdict, _without_ours(verdict.field, value, built.job)


def _without_ours(text: str, value: dict[str, Any], job: dict[str, Any]) -> str:
    """Return a place in the Job as one in the manifest: our variables stand before the author's."""
    match = _CONTAINER.match(text)
    if not match:
        return text
    place = (*POD, match[2], int(match[3]), "env")
    ours = len(value_at(job, *place)) - len(value_at(value, *place) or ())
    return f"{match[1]}[{int(match[4]) - ours}]{text[match.end() :]}"


def _message(verdict: Verdict, text: str, value: dict[str, Any]) -> str:
    if verdict.kind is not Kind.TYPE:
        return f"{text}: {verdict.message.removeprefix(f'{verdict.field}: ')}"
    found = value_at(value, *to_path(text, value))
    type_ = verdict.message.rpartition(" of type ")[2]
    if "quantit" in verdict.message:
        return f"{text}: {verdict.message}; found {found!r}, write such as 64Mi or 500m"
    if type_ == verdict.message:
        return f"{text}: {verdict.message}"
    expected = _TYPES.get(type_) or ("a list" if type_.startswith("[]") else "a mapping")
    quote = "; quote it" if type_ == "string" and isinstance(found, bool | int | float) else ""
    return f"{text} must be {expected}{quote}: {verdict.message}"


def _unknown(manifest: Written, path: Path, text: str) -> Finding:
    is_elsewhere, message = why_unknown(path, text)
    return manifest.find("misplaced-field" if is_elsewhere else "unknown-field", path, message)


def _path(text: str, verdict: Verdict, value: Any) -> Path:
    """Return where a verdict belongs: of labels and annotations, the very one it is about."""
    path = to_path(_METADATA.sub(r"\1.metadata.\2", text), value)
    if verdict.kind is Kind.UNKNOWN:
        return to_path(text, value)
    found, quoted = value_at(value, *path), _QUOTED.match(verdict.message)
    if isinstance(found, dict) and quoted:
        for key, each in found.items():
            if quoted[1] in (key, each):
                return (*path, key)
    return path

"""The API's refusals: an exception per reason, worded as the API server words it.

Names no HTTP library; `answers.py` turns a refusal into an answer.
"""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from function.local.findings import Finding, Kind
from function.local.resources import Resource

_HEAD: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}}


class Refusal(Exception):
    """What the API answers instead of an object.

    `code` is the HTTP status, `reason` the API's word for it (may be empty), `details`
    says which object is meant; empty values are left out of it, as Go leaves them out.
    """

    def __init__(
        self, code: HTTPStatus, reason: str, message: str, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """The Status object."""
        body = {**_HEAD, "status": "Failure", "message": self.message}
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = _filled(self.details)
        return {**body, "code": int(self.code)}


def deleted(resource: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
    """No refusal, but a Status as well: the object is gone."""
    metadata = manifest["metadata"]
    details = {**_details(resource, metadata["name"]), "uid": metadata["uid"]}
    return {**_HEAD, "status": "Success", "details": _filled(details)}


def no_such_path() -> Refusal:
    """404: the path itself means nothing; details are empty, unlike those of a missing object."""
    message = "the server could not find the requested resource"
    return Refusal(HTTPStatus.NOT_FOUND, "NotFound", message, {})


def missing(resource: Resource, name: str) -> Refusal:
    """404: the object is not there."""
    message = f'{resource.qualified} "{name}" not found'
    return Refusal(HTTPStatus.NOT_FOUND, "NotFound", message, _details(resource, name))


def exists(resource: Resource, name: str, ending: bool) -> Refusal:
    """409: an object of that name is there; `ending` if it only waits for its finalizers."""
    message = f'{resource.qualified} "{name}" already exists'
    if ending:
        message = f"object is being deleted: {message}"
    return Refusal(HTTPStatus.CONFLICT, "AlreadyExists", message, _details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> Refusal:
    """409: the object has changed since the client read it."""
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refusal(HTTPStatus.CONFLICT, "Conflict", message, _details(resource, name))


def malformed(message: str) -> Refusal:
    """400: the request cannot be understood."""
    return Refusal(HTTPStatus.BAD_REQUEST, "BadRequest", message)


class Unreadable(Refusal):
    """400: the object is not what its kind says; `why` is the decoder's word alone."""

    def __init__(self, kind: str, why: str) -> None:
        message = f'{kind} in version "v1" cannot be handled as a {kind}: {why}'
        super().__init__(HTTPStatus.BAD_REQUEST, "BadRequest", message)
        self.why = why


def unpatchable(why: str) -> Refusal:
    """422: what a patch makes of an object cannot be read; the real API shows all of it, too."""
    message = f"Invalid value: {why}"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "patch"}
    text = f' "" is invalid: patch: {message}'
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", text, {"causes": [cause]})


def unacceptable(resource: Resource, name: str, findings: Sequence[Finding]) -> Refusal:
    """422: the object breaks rules of the API, each one a cause."""
    found = [finding for finding in findings if finding.kind is Kind.INVALID]
    texts = list(dict.fromkeys(str(finding) for finding in found))
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = [{"reason": f.reason, "message": f.message, "field": f.field} for f in found]
    details = {"name": name, "group": resource.group, "kind": resource.kind, "causes": causes}
    message = f'{kind} "{name}" is invalid: {listed}'
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, details)


def unauthorized() -> Refusal:
    """401: no token, or a wrong one."""
    return Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def not_allowed(
    user: str, verb: str, plural: str, namespace: str, resource: Resource, name: str
) -> Refusal:
    """403: the user has no role for this, in the words of RBAC; `plural` may be `jobs/status`."""
    about = f"{resource.qualified} {json.dumps(name)} is" if name else f"{resource.qualified} is"
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    asked = f'cannot {verb} resource "{plural}" in API group "{resource.group}" {scope}'
    message = f'{about} forbidden: User "{user}" {asked}'
    return Refusal(HTTPStatus.FORBIDDEN, "Forbidden", message, _details(resource, name))


def no_such_method() -> Refusal:
    """405: the path is known, and not for this method."""
    message = "the server does not allow this method on the requested resource"
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message, {})


def too_large(limit: int) -> Refusal:
    """413: the body has more than `limit` bytes."""
    message = f"Request entity too large: limit is {limit}"
    code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return Refusal(code, "RequestEntityTooLarge", message)


def unsupported_media(why: str) -> Refusal:
    """415: the body is in a format that is not read here."""
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", why)


def _details(resource: Resource, name: str) -> dict[str, Any]:
    return {"name": name, "group": resource.group, "kind": resource.plural}


def _filled(details: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in details.items() if value}

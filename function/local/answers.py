"""One request to one answer: the embedded API without its socket.

Puts together what the other modules know: path, body, verb, table. Knows neither
sockets nor threads; a watch is an answer whose body is still being made. Strategic
patches and server-side apply are treated as merge patches: lists are replaced whole,
and fields have no owners.
"""

import hmac
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from function.local.admission import merge, without_directives
from function.local.bodies import read_body
from function.local.discovery import build_documents
from function.local.kubelet import write_log
from function.local.resources import JOBS, Resource
from function.local.routes import Target, find_target, find_verb
from function.local.selectors import Predicate, read_field_selector, read_label_selector
from function.local.statuses import (
    Refusal,
    Unreadable,
    deleted,
    malformed,
    missing,
    no_such_method,
    not_allowed,
    too_large,
    unauthorized,
    unpatchable,
    unsupported_media,
)
from function.local.store import Store
from function.local.tables import build_table
from function.local.verbs import Options, Verbs, merged_with
from function.local.watching import Watch

BODY_LIMIT = 3 * 1024 * 1024
"""Bytes of a request's body, as for a real API server."""
REQUESTS_KEPT = 10_000
USER = "openfero-local"
WATCH_SECONDS = 1800

Manifest = dict[str, Any]
Query = Mapping[str, str]
Permission = Callable[[str, str, str, str], bool]
"""Plays RBAC: whether (verb, group, plural or plural/subresource, namespace) is allowed."""

_DOCUMENTS = build_documents()
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_HEALTH = "/healthz", "/livez", "/readyz"
_ORPHANS = (
    "child pods are preserved by default when jobs are deleted; set "
    "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to "
    "suppress this warning"
)


@dataclass(frozen=True)
class Request:
    """What came in; header names are lower case, `target` is path and query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query; of a parameter that is given twice, the last one."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """What goes out: an object, a text, or the events of a watch as they happen.

    Among the events may be None: nothing happened for a while, look whether the client
    still listens.
    """

    status: HTTPStatus
    content: Manifest | str | Iterator[Manifest | None]
    warnings: list[str] = field(default_factory=list)


class Answering:
    """Answers requests about one store; safe to call from any thread."""

    def __init__(
        self, store: Store, token: str | None = None, allowed: Permission | None = None
    ) -> None:
        self.verbs = Verbs(store)
        self.token = token
        self.allowed = allowed or (lambda verb, group, plural, namespace: True)
        self.requests: deque[tuple[str, str]] = deque(maxlen=REQUESTS_KEPT)

    def answer(self, request: Request) -> Answer:
        """The answer; a refusal of any kind becomes a Status object."""
        self.requests.append((request.method, request.path))
        try:
            self._check_token(request)
            if len(request.body) > BODY_LIMIT:
                raise too_large(BODY_LIMIT)
            return self._document(request) or self._object(request)
        except Refusal as refusal:
            return Answer(refusal.code, refusal.body())

    def _check_token(self, request: Request) -> None:
        if self.token is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.encode(), self.token.encode())
        if scheme.lower() != "bearer" or not same:
            raise unauthorized()

    def _document(self, request: Request) -> Answer | None:
        path = request.path.rstrip("/")
        if path in _HEALTH:
            return Answer(HTTPStatus.OK, "ok")
        if path == _REVIEWS:
            return self._review(request)
        if path in _DOCUMENTS:
            if request.method != "GET":
                raise no_such_method()
            return Answer(HTTPStatus.OK, _DOCUMENTS[path])
        if path.startswith(("/api/", "/apis/")):
            return None
        # No Status out here: a client with a wrong base path meets plain text.
        return Answer(HTTPStatus.NOT_FOUND, "404 page not found\n")

    def _review(self, request: Request) -> Answer:
        if request.method != "POST":
            raise no_such_method()
        review = _read_manifest(request)
        asked = (review.get("spec") or {}).get("resourceAttributes") or {}
        what = [asked.get(key, "") for key in ("verb", "group", "resource", "namespace")]
        status = {"allowed": self.allowed(*what)}
        head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        return Answer(HTTPStatus.CREATED, {**head, "metadata": {}, **review, "status": status})

    def _object(self, request: Request) -> Answer:
        query, target = request.query, find_target(request.path)
        verb = find_verb(request.method, target, query.get("watch") in ("1", "true"))
        if not self.allowed(verb, target.resource.group, target.kind_asked, target.namespace):
            asked = verb, target.kind_asked, target.namespace
            raise not_allowed(USER, *asked, target.resource, target.name)
        act: Callable[[Request, Target, Query], Answer] = getattr(self, f"_{verb}")
        return act(request, target, query)

    def _get(self, request: Request, target: Target, query: Query) -> Answer:
        found = self.verbs.get(target.resource, target.namespace, target.name)
        if target.subresource == "log":
            return Answer(HTTPStatus.OK, write_log(found, query.get("container", "")))
        if not _wants_table(request):
            return Answer(HTTPStatus.OK, found)
        metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
        return Answer(HTTPStatus.OK, _table(target, [found], metadata, query))

    def _list(self, request: Request, target: Target, query: Query) -> Answer:
        wanted, limit = _read_selectors(target.resource, query), _number(query, "limit")
        after = query.get("continue", "")
        found = self.verbs.select(target.resource, target.namespace, wanted, limit, after)
        if _wants_table(request):
            found = _table(target, found["items"], found["metadata"], query)
        return Answer(HTTPStatus.OK, found)

    def _create(self, request: Request, target: Target, query: Query) -> Answer:
        options, body = _read_options(query), _read_manifest(request)
        created, warnings = self.verbs.create(target.resource, target.namespace, body, options)
        return Answer(HTTPStatus.CREATED, created, warnings)

    def _update(self, request: Request, target: Target, query: Query) -> Answer:
        body = _read_manifest(request)
        return self._change(target, lambda old: body, query)

    def _patch(self, request: Request, target: Target, query: Query) -> Answer:
        type_ = request.headers.get("content-type", "").split(";")[0]
        patch = _read_manifest(request)
        if type_ == "application/strategic-merge-patch+json":
            patch = without_directives(patch)
        elif type_ == "application/apply-patch+yaml":
            return self._apply(target, patch, query)
        elif type_ != "application/merge-patch+json":
            raise unsupported_media(
                f"the local API applies merge patches only, not {type_ or 'none'}"
            )
        try:
            return self._change(target, merged_with(patch), query)
        except Unreadable as exc:
            raise unpatchable(exc.why) from exc

    def _apply(self, target: Target, manifest: Manifest, query: Query) -> Answer:
        # Without field owners: what is there is merged, what is not there is created.
        place = target.resource, target.namespace
        with self.verbs.store.lock:
            if self.verbs.store.find(*place, target.name):
                return self._change(target, merged_with(manifest), query)
            if target.subresource:
                raise missing(target.resource, target.name)
            named = merge(manifest, {"metadata": {"name": target.name}})
            created, warnings = self.verbs.create(*place, named, _read_options(query))
        return Answer(HTTPStatus.CREATED, created, warnings)

    def _change(self, target: Target, build: Callable[[Manifest], Any], query: Query) -> Answer:
        place = target.resource, target.namespace, target.name
        options = _read_options(query)
        changed, warnings = self.verbs.update(*place, build, options, target.subresource)
        return Answer(HTTPStatus.OK, changed, warnings)

    def _delete(self, request: Request, target: Target, query: Query) -> Answer:
        options = _read_delete_options(request, query)
        warnings = []
        if target.resource is JOBS and not options.get("propagationPolicy"):
            # As batch/v1 has it, unlike every other kind.
            options, warnings = {**options, "propagationPolicy": "Orphan"}, [_ORPHANS]
        old = self.verbs.delete(target.resource, target.namespace, target.name, options)
        ending = "finalizers" in old["metadata"]
        return Answer(HTTPStatus.OK, old if ending else deleted(target.resource, old), warnings)

    def _deletecollection(self, request: Request, target: Target, query: Query) -> Answer:
        options = _read_delete_options(request, query)
        wanted = _read_selectors(target.resource, query)
        with self.verbs.store.lock:
            found = self.verbs.select(target.resource, target.namespace, wanted)
            for each in found["items"]:
                place = each["metadata"].get("namespace", ""), each["metadata"]["name"]
                self.verbs.delete(target.resource, *place, options)
        return Answer(HTTPStatus.OK, found)

    def _watch(self, request: Request, target: Target, query: Query) -> Answer:
        wanted = _in_namespace(target.namespace, _read_selectors(target.resource, query))
        watch = Watch(
            resource=target.resource,
            wanted=wanted,
            revision=_number(query, "resourceVersion"),
            seconds=_number(query, "timeoutSeconds") or WATCH_SECONDS,
            initial=query.get("sendInitialEvents") == "true",
        )
        events = watch.open(self.verbs.store)
        if _wants_table(request):
            events = (_tabled(event, target, query) for event in events)
        return Answer(HTTPStatus.OK, events)


def _read_manifest(request: Request) -> Manifest:
    body = read_body(request.body, request.headers.get("content-type", ""))
    if not isinstance(body, dict):
        raise malformed("the object provided is unrecognized: it must be an object with a kind")
    return body


def _read_options(query: Query) -> Options:
    return Options(query.get("dryRun") == "All", query.get("fieldValidation") or "Warn")


def _read_delete_options(request: Request, query: Query) -> Manifest:
    sent = _read_manifest(request) if request.body else {}
    named = {key: query[key] for key in ("dryRun", "propagationPolicy") if key in query}
    return {**sent, **named}


def _read_selectors(resource: Resource, query: Query) -> Predicate:
    by_label = read_label_selector(query.get("labelSelector", ""))
    by_field = read_field_selector(resource, query.get("fieldSelector", ""))
    return lambda manifest: by_label(manifest) and by_field(manifest)


def _number(query: Query, name: str) -> int:
    try:
        return int(query.get(name) or 0)
    except ValueError:
        raise malformed(f"{name}: not a number: {query[name]}") from None


def _wants_table(request: Request) -> bool:
    return "as=Table" in request.headers.get("accept", "")


def _table(target: Target, items: list[Manifest], metadata: Manifest, query: Query) -> Manifest:
    return build_table(target.resource, items, metadata, query.get("includeObject", "Metadata"))


def _in_namespace(namespace: str, wanted: Predicate) -> Predicate:
    if not namespace:
        return wanted
    return lambda manifest: manifest["metadata"].get("namespace") == namespace and wanted(manifest)


def _tabled(event: Manifest | None, target: Target, query: Query) -> Manifest | None:
    if event is None or event["type"] in ("BOOKMARK", "ERROR"):
        return event
    return {**event, "object": _table(target, [event["object"]], {}, query)}


def encode(content: Manifest | str) -> bytes:
    """The bytes of an object or text, as they go over the wire."""
    if isinstance(content, str):
        return content.encode("utf-8")
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode("utf-8")

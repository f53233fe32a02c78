"""One request to one answer: the embedded API without its socket.

Puts together what the other modules know: request, path, verb, table. Knows neither
sockets nor threads; a watch is an answer whose body is still being made. Strategic
patches and server-side apply are treated as merge patches: lists are replaced whole,
and fields have no owners.
"""

import hmac
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from function.local.admission import merge, without_directives
from function.local.discovery import build_documents
from function.local.kubelet import write_log
from function.local.messages import (
    BODY_LIMIT,
    Answer,
    Query,
    Request,
    read_delete_options,
    read_manifest,
    read_number,
    read_options,
    read_selectors,
)
from function.local.resources import JOBS
from function.local.routes import Target, find_target, find_verb
from function.local.selectors import Predicate
from function.local.statuses import (
    Refusal,
    Unreadable,
    deleted,
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
from function.local.verbs import Verbs, merged_with
from function.local.watching import Watch

REQUESTS_KEPT = 10_000
USER = "openfero-local"
WATCH_SECONDS = 1800

Manifest = dict[str, Any]
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
        review = read_manifest(request)
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
        if not request.wants_table:
            return Answer(HTTPStatus.OK, found)
        metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
        return Answer(HTTPStatus.OK, _table(target, [found], metadata, query))

    def _list(self, request: Request, target: Target, query: Query) -> Answer:
        wanted, limit = read_selectors(target.resource, query), read_number(query, "limit")
        after = query.get("continue", "")
        found = self.verbs.select(target.resource, target.namespace, wanted, limit, after)
        if request.wants_table:
            return Answer(HTTPStatus.OK, _table(target, found["items"], found["metadata"], query))
        # The list says what its items are; they themselves do not.
        items = [_without(each, "apiVersion", "kind") for each in found["items"]]
        return Answer(HTTPStatus.OK, {**found, "items": items})

    def _create(self, request: Request, target: Target, query: Query) -> Answer:
        options, body = read_options(query), read_manifest(request)
        created, warnings = self.verbs.create(target.resource, target.namespace, body, options)
        return Answer(HTTPStatus.CREATED, created, warnings)

    def _update(self, request: Request, target: Target, query: Query) -> Answer:
        body = read_manifest(request)
        return self._change(target, lambda old: body, query)

    def _patch(self, request: Request, target: Target, query: Query) -> Answer:
        type_ = request.headers.get("content-type", "").split(";")[0]
        patch = read_manifest(request)
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
            created, warnings = self.verbs.create(*place, named, read_options(query))
        return Answer(HTTPStatus.CREATED, created, warnings)

    def _change(self, target: Target, build: Callable[[Manifest], Any], query: Query) -> Answer:
        place = target.resource, target.namespace, target.name
        options = read_options(query)
        changed, warnings = self.verbs.update(*place, build, options, target.subresource)
        return Answer(HTTPStatus.OK, changed, warnings)

    def _delete(self, request: Request, target: Target, query: Query) -> Answer:
        options = read_delete_options(request, query)
        warnings = []
        if target.resource is JOBS and not options.get("propagationPolicy"):
            # As batch/v1 has it, unlike every other kind.
            options, warnings = {**options, "propagationPolicy": "Orphan"}, [_ORPHANS]
        old = self.verbs.delete(target.resource, target.namespace, target.name, options)
        ending = "finalizers" in old["metadata"]
        return Answer(HTTPStatus.OK, old if ending else deleted(target.resource, old), warnings)

    def _deletecollection(self, request: Request, target: Target, query: Query) -> Answer:
        options = read_delete_options(request, query)
        wanted = read_selectors(target.resource, query)
        with self.verbs.store.lock:
            found = self.verbs.select(target.resource, target.namespace, wanted)
            for each in found["items"]:
                place = each["metadata"].get("namespace", ""), each["metadata"]["name"]
                self.verbs.delete(target.resource, *place, options)
        return Answer(HTTPStatus.OK, found)

    def _watch(self, request: Request, target: Target, query: Query) -> Answer:
        wanted = _in_namespace(target.namespace, read_selectors(target.resource, query))
        watch = Watch(
            resource=target.resource,
            wanted=wanted,
            revision=read_number(query, "resourceVersion"),
            seconds=read_number(query, "timeoutSeconds") or WATCH_SECONDS,
            initial=query.get("sendInitialEvents") == "true",
        )
        events = watch.open(self.verbs.store)
        if request.wants_table:
            events = (_tabled(event, target, query) for event in events)
        return Answer(HTTPStatus.OK, events)


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


def _without(manifest: Manifest, *fields: str) -> Manifest:
    return {name: each for name, each in manifest.items() if name not in fields}

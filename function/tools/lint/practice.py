"""What the API server takes, but a repair should not be: endless, unpinned, unbounded, mighty."""

from collections.abc import Iterator
from typing import Any

from function.jobs import QUEUE
from function.rails import MODE, Rails
from function.tools.documents import Path
from function.tools.findings import Finding
from function.tools.lint.containers import POD, containers, objects, value_at, written
from function.tools.lint.images import why_no_image
from function.tools.lint.written import Written

_NOTHING = {
    "parallelism": "no pod is ever made",
    "completions": "the job is complete before it begins",
    "activeDeadlineSeconds": "the job ends before its pod begins",
}
_HOST = ("hostNetwork", "hostPID", "hostIPC")
# What even the Pod Security level "restricted" allows.
_HARMLESS = frozenset({"NET_BIND_SERVICE"})


def findings(manifest: Written) -> Iterator[Finding]:
    """Return the warnings about how the Job would run."""
    if value_at(manifest.value, "kind") != "Job":
        return
    yield from _deadline(manifest)
    yield from _images(manifest)
    yield from _resources(manifest)
    yield from _privileges(manifest)
    yield from _host(manifest)


def never_runs(manifest: Written, rails: Rails) -> Iterator[Finding]:
    """Return what keeps the Job from doing anything; what waits for a person may be suspended."""
    spec = value_at(manifest.value, "spec")
    for field, why in _NOTHING.items():
        value = value_at(spec, field)
        if type(value) is int and value == 0 and not rails.may_wait:
            yield manifest.find("never-runs", ("spec", field), f"{field} is 0: {why}")
    if value_at(spec, "suspend") is True and not (rails.may_wait or _is_started(manifest)):
        message = (
            "suspend: true: the job waits for ever, and nobody is told; leave it out, or let "
            f"{MODE}: approve say that it waits for a person"
        )
        yield manifest.find("never-runs", ("spec", "suspend"), message)


def _is_started(manifest: Written) -> bool:
    """Say whether something else than the Job controller starts it, such as Kueue."""
    is_managed = value_at(manifest.value, "spec", "managedBy") is not None
    return is_managed or value_at(manifest.value, "metadata", "labels", QUEUE) is not None


def _deadline(manifest: Written) -> Iterator[Finding]:
    if value_at(manifest.value, "spec", "activeDeadlineSeconds") is not None:
        return
    message = "spec.activeDeadlineSeconds is missing: a job whose pod cannot start never ends"
    if value_at(manifest.value, *POD, "activeDeadlineSeconds") is not None:
        message += "; that of the pod, spec.template.spec.activeDeadlineSeconds, only ends one try"
    yield manifest.find("no-deadline", ("spec",), message)


def _images(manifest: Written) -> Iterator[Finding]:
    for path, container in containers(manifest):
        image = container.get("image")
        # An empty one is refused, and a template in it is an error of its own.
        if not isinstance(image, str) or not image or "{{" in image:
            continue
        if why := why_no_image(image):
            message = f"no registry can have the image {image!r}: {why}"
            yield manifest.find("bad-image", (*path, "image"), message)
        elif _floats(image):
            message = f"{image} is another image tomorrow: name a version, or a digest"
            yield manifest.find("latest-image", (*path, "image"), message)


def _floats(image: str) -> bool:
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return "@" not in image and (not colon or tag == "latest")


def _resources(manifest: Written) -> Iterator[Finding]:
    if value_at(manifest.value, *POD, "resources"):
        return
    for path, container in containers(manifest):
        if not container.get("resources"):
            message = (
                f"{written(path)} has no resources: where memory is short its pod is the first to "
                "go; give it requests, and a limit for memory"
            )
            yield manifest.find("no-resources", path, message)


def _privileges(manifest: Written) -> Iterator[Finding]:
    pod = value_at(manifest.value, *POD, "securityContext")
    yield from _root(manifest, (*POD, "securityContext"), pod)
    for path, container in containers(manifest):
        place, context = (*path, "securityContext"), container.get("securityContext")
        yield from _root(manifest, place, context)
        for field in ("privileged", "allowPrivilegeEscalation"):
            if value_at(context, field) is True:
                message = f"{field}: whoever takes over this container can take over more"
                yield manifest.find("privileged", (*place, field), message)
        added = value_at(context, "capabilities", "add")
        for index, name in enumerate(added if isinstance(added, list) else ()):
            if name not in [*_HARMLESS, None]:
                message = f"the capability {name} is added: few repairs need one"
                yield manifest.find("privileged", (*place, "capabilities", "add", index), message)


def _root(manifest: Written, place: Path, context: Any) -> Iterator[Finding]:
    user = value_at(context, "runAsUser")
    if user == 0 and user is not False:
        message = "runAsUser is 0, which is root: use another, and runAsNonRoot"
        yield manifest.find("privileged", (*place, "runAsUser"), message)


def _host(manifest: Written) -> Iterator[Finding]:
    for field in _HOST:
        if value_at(manifest.value, *POD, field) is True:
            message = f"{field}: the pod is not kept apart from its node"
            yield manifest.find("host-access", (*POD, field), message)
    for path, volume in objects(manifest.value, *POD, "volumes"):
        if volume.get("hostPath") is not None:
            message = "hostPath: the pod reads and writes files of its node"
            yield manifest.find("host-access", (*path, "hostPath"), message)
    for container, _ in containers(manifest):
        for path, port in objects(manifest.value, *container, "ports"):
            if port.get("hostPort"):
                message = "hostPort: a port of the node, which one pod at a time can have"
                yield manifest.find("host-access", (*path, "hostPort"), message)

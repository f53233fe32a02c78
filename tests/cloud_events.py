"""The CloudEvents SDK of this environment, whichever of its two majors that is."""

try:
    from cloudevents.v1.http import CloudEvent, from_http
except ImportError:
    from cloudevents.http import CloudEvent, from_http

__all__ = ["CloudEvent", "from_http"]

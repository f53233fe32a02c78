"""What is raised on purpose, each with the HTTP status it means.

OpenFeroError
  BadSettings          the process ends at start, with the message as its one line
  Refused              the request is not taken: the status says why
  Broken               422: the definition cannot become a Job; mending it heals
  Unavailable          503: the cluster is out of reach or refuses us; trying again may help
    QuotaExceeded      the same: there is no room for the Job now
    Conflict           the same: another writer was faster; looking again helps
"""

from http import HTTPStatus


class OpenFeroError(Exception):
    """The root of the family; the message is lower case, one line, without a full stop."""


class BadSettings(OpenFeroError):
    """The environment holds a setting that cannot be meant."""


class Refused(OpenFeroError):
    """The request is answered without looking at any alert.

    `status` is what to answer; `headers` go with it (Allow, WWW-Authenticate…).
    """

    def __init__(
        self, status: HTTPStatus, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


class Broken(OpenFeroError):
    """The definition cannot become a Job, however often it is tried."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unavailable(OpenFeroError):
    """The cluster could not be asked, or would not; the same request may work later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class QuotaExceeded(Unavailable):
    """A ResourceQuota has no room for the Job; there may be some later."""


class Conflict(Unavailable):
    """An object is no longer as it was when it was looked at."""


def bad_request(message: str) -> Refused:
    """Return the error for a request that is no notification: 400, never tried again."""
    return Refused(HTTPStatus.BAD_REQUEST, message)

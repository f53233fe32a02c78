"""The way to the API server: one request, again where that can help, until the deadline.

The only importer of the Kubernetes client, of which it uses the low-level half: the
typed one refuses legal manifests, hides warnings and costs a second of cold start.
Time-outs are explicit and retries ours, because every request that the function makes may
be repeated.
"""

import random
import re
import time
from pathlib import Path

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException
from kubernetes.config.incluster_config import load_incluster_config
from kubernetes.config.kube_config import list_kube_config_contexts, load_kube_config

from function import __version__
from function.errors import BadSettings, Unavailable
from function.replies import Object, Reply, read_reply
from function.settings import Settings, is_namespace

# Seconds for one request; the deadline of the notification can make them less.
CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
# Seconds between tries: sixteen writers under one quota need several. What takes
# longer than all of them is left to the sender, who tries again as well.
PAUSES = (0.1, 0.2, 0.4, 0.8)
MAX_CONNECTIONS = 16
# And so many for what is told beside the answer.
BESIDE = 2
# No object of a cluster comes near: etcd takes about 1.5 MiB.
MAX_ANSWER = 8 * 1024 * 1024

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

TOO_MANY_WARNINGS = "the API server has more warnings about the manifest than can be read"


class Transport:
    """Requests to one API server."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.retries = False  # ours end with the deadline
        configuration.connection_pool_maxsize = MAX_CONNECTIONS + BESIDE
        self.host: str = configuration.host
        self._configuration = configuration
        self._rest = RESTClientObject(configuration)

    def ask(self, method: str, path: str, deadline: float, body: Object | None = None) -> Reply:
        """Send a request, again after a pause where that can help and time is left.

        `deadline` is a time of time.monotonic(). Raises Unavailable if there is no answer.
        """
        for pause in PAUSES:
            try:
                reply = self._send(method, path, deadline, body)
                if not reply.is_worth_another_try or not _pause(pause, deadline):
                    return reply
            except (UnreadableHeaders, TooLarge):
                raise
            except Unavailable:
                if not _pause(pause, deadline):
                    raise
        return self._send(method, path, deadline, body)

    def _send(self, method: str, path: str, deadline: float, body: Object | None) -> Reply:
        started = time.monotonic()
        left = deadline - started
        if left <= 0:
            raise Unavailable("no time is left to ask the API server")
        try:
            response = self._rest.request(
                method,
                self.host + path,
                headers=self._headers(method),
                body=body,
                _request_timeout=(min(CONNECT_SECONDS, left), min(READ_SECONDS, left)),
            )
            content = _read(response.response, min(deadline, started + READ_SECONDS))
            told = response.headers
            return read_reply(
                response.status, content, told.getlist("Warning"), told.get("Date", "")
            )
        except (urllib3.exceptions.HTTPError, ApiException, ConfigException, OSError) as exc:
            if "got more than" in str(exc):  # http.client takes 100 headers of 64 KiB
                raise UnreadableHeaders(TOO_MANY_WARNINGS) from exc
            raise Unavailable(f"the API server is out of reach: {_cause(exc)}") from exc
        except ValueError:  # its text would show the token
            raise Unavailable("the token for the API server cannot be sent") from None

    def _headers(self, method: str) -> dict[str, str]:
        merges = method == "PATCH"
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/merge-patch+json" if merges else "application/json",
            "User-Agent": f"openfero/{__version__}",
        }
        # Asked for at each request, because this is what re-reads a rotated token.
        token = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        # As kubectl does: many a token file ends in a newline.
        return headers | ({"Authorization": token.strip()} if token else {})


class UnreadableHeaders(Unavailable):
    """The answer has more headers than can be read, because each warning is one."""


class TooLarge(Unavailable):
    """The answer is larger than any object may be: to ask for less may help."""


def _read(response: urllib3.BaseHTTPResponse, until: float) -> bytes:
    """Return the body of an answer, unless it drips or is larger than any object may be."""
    content = bytearray()
    try:
        while chunk := response.read1(65536, decode_content=False):
            content += chunk
            if len(content) > MAX_ANSWER:
                raise TooLarge("the API server answered more than it can have to say")
            if time.monotonic() > until:
                raise Unavailable("the API server was too slow with its answer")
        response.release_conn()
        return bytes(content)
    except BaseException:
        response.close()
        raise


def _pause(seconds: float, deadline: float) -> bool:
    """Wait, so that writers do not meet again; return False if there is no time for it."""
    wait = seconds * random.uniform(0.5, 1.0)
    if time.monotonic() + wait >= deadline:
        return False
    time.sleep(wait)
    return True


def _cause(exc: Exception) -> str:
    """Return the innermost reason, without the pool and the address around it."""
    cause = getattr(exc, "reason", None) or exc
    text = str(cause).splitlines()[-1] if str(cause) else type(cause).__name__
    return re.sub(r"^.*?(Pool\(.*?\)|object at 0x[0-9a-f]+>): ", "", text)


def configure(settings: Settings) -> tuple[Configuration, str]:
    """Return the cluster and namespace of the kubeconfig, if one is set, else those around the pod.

    Nothing else is tried: neither a laptop's default kubeconfig nor the account of a
    build pod may repair production by accident. Raises BadSettings.
    """
    configuration = Configuration()
    source = f"KUBECONFIG={settings.kubeconfig}" if settings.kubeconfig else "in a pod"
    try:
        if settings.kubeconfig:
            load_kube_config(settings.kubeconfig, client_configuration=configuration)
            namespace = settings.jobs_namespace or _context_namespace(settings.kubeconfig)
        else:
            load_incluster_config(configuration)
            namespace = settings.jobs_namespace or SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    except Exception as exc:  # the loaders let out whatever a bad file makes them stumble over
        problem = " ".join(str(exc).split())
        raise BadSettings(
            f"no cluster ({source}): {problem}; "
            "set KUBECONFIG, or run it in a pod with a service account"
        ) from exc
    if not re.match(r"https?://[^/\s]+", configuration.host):
        raise BadSettings(f"no cluster ({source}): {configuration.host} is no address of one")
    if not is_namespace(namespace):
        raise BadSettings(f"no cluster ({source}): {namespace!r} is not the name of a namespace")
    return configuration, namespace


def _context_namespace(kubeconfig: str) -> str:
    _, context = list_kube_config_contexts(kubeconfig)
    return str(context["context"].get("namespace") or "default")

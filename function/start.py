"""Puts the program together, once per process: environment → settings → cluster → webhook."""

import sys
from collections.abc import Mapping

from function import __version__
from function.cluster import connect
from function.errors import BadSettings
from function.log import log
from function.log import start as start_log
from function.settings import Settings
from function.settle import Settler
from function.webhook import Webhook

# What else a worker of gunicorn ends with, its master takes for an accident, and starts another.
BOOT_ERROR = 3


def start(environ: Mapping[str, str]) -> Webhook:
    """Return the webhook that this environment describes.

    Raises SystemExit, after one line that says what to do, if a setting cannot be meant
    or names no cluster: a server that starts all the same would lose every alert.
    """
    try:
        settings = Settings.from_environ(environ)
        start_log(settings.log_level)
        cluster = connect(settings)
    except BadSettings as exc:
        sys.stderr.write(f"openfero: {exc}\n")
        sys.exit(BOOT_ERROR)
    fields = {
        "version": __version__,
        "cluster": cluster.host,
        "namespace": cluster.namespace,
        "mode": settings.mode,
    }
    log.info("started", extra={"fields": fields})
    return Webhook(Settler(cluster, settings.mode), settings.token_file)

"""The definitions that the alerts of one notification need, each looked up once."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeVar

from function.alerts import Alert
from function.cluster import Cluster
from function.definitions import (
    ConfigMap,
    Definition,
    guard_rails,
    is_disabled,
    is_for,
    read_definition,
)
from function.errors import Broken
from function.outcomes import Kind
from function.rails import Rails

T = TypeVar("T")


class LookUps:
    """Asks the cluster and remembers, until the notification is settled."""

    def __init__(self, cluster: Cluster, mode: str, deadline: float) -> None:
        self._cluster = cluster
        self._mode = mode
        self._deadline = deadline
        self._lock = Lock()
        self._found: dict[tuple[str, ...], Future[Any]] = {}

    def definition(self, alert: Alert, name: str) -> Definition | Kind:
        """Return what is defined for an alert, or the word for why there is nothing.

        Raises Broken if it cannot be read, Unavailable if it cannot be looked up.
        """
        return self.once((name, alert.name), lambda: self._read(alert, name))

    def rails(self, alert: Alert, name: str) -> Rails | None:
        """Return the guard rails of a definition, None if there is none for the alert."""
        config_map = self.config_map(name)
        if config_map is None or not is_for(config_map, alert):
            return None
        try:
            return guard_rails(config_map, alert.status, self._mode)
        except Broken:
            if is_disabled(config_map):
                return None
            raise

    def _read(self, alert: Alert, name: str) -> Definition | Kind:
        config_map = self.config_map(name)
        if config_map is None or not is_for(config_map, alert):
            return Kind.NO_DEFINITION
        if is_disabled(config_map):
            return Kind.DISABLED
        return read_definition(config_map, alert, self._mode)

    def config_map(self, name: str) -> ConfigMap | None:
        """Return a definition as it is stored, None if there is none; raises Unavailable."""
        return self.once((name,), lambda: self._cluster.find_definition(name, self._deadline))

    def once(self, key: tuple[str, ...], look_up: Callable[[], T]) -> T:
        """Do something once, however many alerts need it, and return what came of it."""
        mine: Future[T] = Future()
        with self._lock:
            future: Future[T] = self._found.setdefault(key, mine)
        if future is mine:
            try:
                mine.set_result(look_up())
            except BaseException as exc:
                mine.set_exception(exc)
        return future.result()

"""How many bytes are in flight: what a pod has no room for is not taken."""

from threading import Lock

# Of the bodies of all notifications: as much as one may have. In memory it becomes 20 times
# as much, and a pod has 256 MiB.
MAX_BYTES = 4 * 1024 * 1024


class Scales:
    """Weighs what is in flight together."""

    def __init__(self) -> None:
        self._bytes = 0
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Take so many bytes more, unless there would be too many; return whether that was done."""
        with self._lock:
            fits = self._bytes + count <= MAX_BYTES
            self._bytes += count if fits else 0
            return fits

    def give_back(self, count: int) -> None:
        """Let so many bytes go."""
        with self._lock:
            self._bytes -= count

"""How a log line is written: one JSON object a line, on standard error.

Only the shell logs, through `log`; what is hostile in a text is escaped by JSON.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

# A logger of its own, that hands nothing to the root: both servers set that up for
# themselves, func-python twice.
log = logging.getLogger("openfero")


def start(level: str) -> None:
    """Write the lines of `level` and above from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json())
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(level)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)

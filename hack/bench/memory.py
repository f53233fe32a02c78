"""Case 4: what the function takes of the memory: at rest, and after more and more alerts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from environments import Environment
from machine import pss
from notifications import notification
from records import Record, Records
from servers import OURS, program, running
from targets import Embedded
from warm import STORM

GROUP = 1000
"""Alerts in one notification, when there are many."""
CLEARED = 10
"""Groups after which the API forgets their Jobs."""


def measure(
    environments: list[Environment], target: Embedded, folder: Path, alerts: int, records: Records
) -> None:
    """Let one function live through all of it."""
    target.lay_account()
    for each in environments:
        with running(program(each, OURS, **target.environ), folder / "server.log") as server:

            def keep(when: str, label: str = each.label, pid: int = server.process.pid) -> None:
                records.add(Record("memory", label, when), pss(pid))

            connection = server.connect()
            connection.request("GET", "/health/readiness")
            connection.getresponse().read()
            keep("at rest")
            server.post(connection, notification())
            keep("after the first Job")
            with ThreadPoolExecutor(STORM) as threads:
                bodies = [notification(1000 // STORM) for _ in range(STORM)]
                list(threads.map(server.settle, bodies))
            keep("after a storm of 1,000 alerts")
            for number in range(alerts // GROUP):
                if number % CLEARED == 0:
                    target.clear()
                server.settle(notification(GROUP))
            keep(f"after {alerts:,} more alerts")
            target.clear()
        records.progress(f"memory: {each.label}")

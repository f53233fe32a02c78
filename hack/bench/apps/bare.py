"""A bare concurrent client: the calls of the function, without the function.

Reads from standard input, a line per order, `CONNECTIONS READS FILE`, the Jobs of a file and creates them;
with READS 1 it reads the definition before each. Answers with a line of JSON: the seconds of all together, and the microseconds of each.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

TARGET = json.loads(os.environ["BENCH_TARGET"])
HEADERS = {"Authorization": f"Bearer {TARGET['token']}", "Content-Type": "application/json"}


def one(pool: urllib3.HTTPSConnectionPool, reads: bool, job: str) -> float:
    """Create a Job; return the microseconds."""
    started = time.perf_counter()
    if reads:
        assert pool.request("GET", TARGET["definition"], headers=HEADERS).status == 200
    made = pool.request("POST", TARGET["jobs"], body=job, headers=HEADERS)
    assert made.status == 201, made.data
    return round((time.perf_counter() - started) * 1e6)


def main() -> None:
    """Follow orders until there are no more."""
    at = urlsplit(TARGET["url"])
    options = {"ca_certs": TARGET["authority"], "retries": False, "maxsize": 64}
    pool = urllib3.HTTPSConnectionPool(str(at.hostname), at.port, **options)
    for order in sys.stdin:
        connections, reads, file = order.split()
        jobs = Path(file).read_text().splitlines()
        started = time.perf_counter()
        with ThreadPoolExecutor(int(connections)) as threads:
            each = list(threads.map(partial(one, pool, reads == "1"), jobs))
        print(json.dumps([time.perf_counter() - started, each]), flush=True)


main()

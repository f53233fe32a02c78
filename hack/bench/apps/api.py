"""The embedded API in a process of its own: certificate, key and namespace are its arguments.

Says in a line of JSON where it listens. The line `clear` on standard input deletes all
Jobs; its end is that of the process.
"""

import json
import sys

from function.local.server import LocalAPI


def main(certificate: str, key: str, token: str, namespace: str) -> None:
    """Answer until standard input ends."""
    api = LocalAPI(token=token, tls=(certificate, key), controller=False, namespaces=(namespace,))
    with api:
        print(json.dumps(api.url), flush=True)
        for _ in sys.stdin:
            for job in api.list("jobs", namespace):
                api.delete("jobs", job["metadata"]["name"], namespace)
            print(json.dumps("cleared"), flush=True)


main(*sys.argv[1:])

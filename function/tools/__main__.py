"""`openfero`, and `python -m function.tools`: what holds before and after any command."""

import signal
import sys
import traceback
from contextlib import suppress
from typing import NoReturn


def main() -> None:
    """Run the command, if the extra `tools` is there."""
    # Ctrl-C ends it at once, as it does any program that has nothing to tidy up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from function.tools.command import main as run
    except ModuleNotFoundError as exc:
        _end(f"openfero needs {exc.name}: install the project with its extra, '.[tools]'")
    try:
        run()
    except Exception:
        _end(f"{traceback.format_exc()}a defect in OpenFero: please report it")


def _end(why: str) -> NoReturn:
    """End with 2: what cannot be done. 1 would be an answer."""
    with suppress(OSError):  # there may be nobody who is told
        print(why, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()

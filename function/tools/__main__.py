"""`openfero`, and `python -m function.tools`: says what to install if it cannot run."""

import sys


def main() -> None:
    """Run the command, if the extra `tools` is there."""
    try:
        from function.tools.command import main as run
    except ModuleNotFoundError as exc:
        sys.exit(f"openfero needs {exc.name}: install the project with its extra, '.[tools]'")
    run()


if __name__ == "__main__":
    main()

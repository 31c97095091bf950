"""`shipmate` and `python -m shipmate`."""

import sys

__all__ = ["main"]

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly from the first moment on."""
    try:
        from shipmate.cli.app import main as run  # noqa: PLC0415 - a third of a second, in which Ctrl-C may come

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()

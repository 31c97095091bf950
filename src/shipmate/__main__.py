"""`shipmate` and `python -m shipmate`."""

import os
import sys

# One process serves one core: threads of numpy's own would only wait for each other. It reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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

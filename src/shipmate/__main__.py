"""`shipmate` and `python -m shipmate`."""

from shipmate.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()

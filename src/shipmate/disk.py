"""What a file system refuses, in the words of the house."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shipmate.errors import DiskFull, Missing, ShipmateError, StorageError

__all__ = ["disk_fault", "disk_faults"]


def disk_fault(error: OSError, path: Path) -> ShipmateError:
    """Return the house's error for one of the operating system's, at the file it names or else at `path`."""
    place = error.filename or path
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return DiskFull(f"no space is left for {path}; nothing was half-written", do="free some space, try again")
        case errno.ENOENT:
            return Missing(f"{place if path.parent.exists() else path.parent} does not exist", do="check the path")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StorageError(f"{place} may not be read or written: {error.strerror}", do="check its permissions")
        case errno.EISDIR:
            return StorageError(f"{place} is a folder, where a file was expected", do="name a file")
        case errno.EEXIST | errno.ENOTDIR | errno.ENOTEMPTY:
            return StorageError(f"{place}: {error.strerror}", do="name another path, or move away what is there")
    return StorageError(f"{place}: {error.strerror or error}", do="check the path and the disk")


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Raise what the operating system refuses in the `with` block as the house's errors."""
    try:
        yield
    except OSError as error:
        raise disk_fault(error, path) from error

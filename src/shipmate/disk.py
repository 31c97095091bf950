"""What a file system refuses, in the words of the house; and files that are written whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

from shipmate.errors import DiskFull, Missing, ShipmateError, StorageError

__all__ = ["disk_fault", "disk_faults", "glance", "keep_names", "make_once", "place", "write_whole"]


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


def make_once(path: Path, content: bytes) -> None:
    """Write a secret all at once, for its owner alone; where another process is faster, its content stands."""
    descriptor, name = mkstemp(dir=path.parent, prefix=f"{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file: when it returns, the content survives a power cut; until then, what was there before does."""
    draft = path.with_suffix(".new")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    keep_names(path.parent)


def keep_names(folder: Path) -> None:
    """Let what was made, renamed or removed in a folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def place(file: Path, target: Path) -> None:
    """Put a file that is never changed in a second place: as a link where the file system can, else as a copy."""
    try:
        os.link(file, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(file, target)


def glance(path: str) -> tuple[int, int, int] | None:
    """Return what is another one when a file was written anew; nothing where there is none. Cheap: each turn does this."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a path's own method costs more
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""Files by path: pictures in, results out; what the system refuses becomes one sentence."""

from __future__ import annotations

from pathlib import Path

from fakeshield_core.errors import ImageUnreadable, InputError
from fakeshield_core.imaging import decode
from fakeshield_core.picture import Picture


def read_picture(path: Path) -> Picture:
    """The picture in a file.

    Raises:
        InputError: the file cannot be read, or `imaging.decode` refuses it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(
            f"{path.name} cannot be read ({error.strerror}); name a picture file."
        ) from error
    return decode(data, path.name)


def write_file(path: Path, data: bytes) -> None:
    """Writes the file, making its folder where that is missing.

    Raises:
        InputError: the system refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); name another place.") from error

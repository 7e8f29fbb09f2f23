"""Errors raised on purpose; `str(error)` is one sentence a person may read, saying what to do next.

FakeShieldError
├─ InputError       ImageUnreadable, ImageTooLarge, MaskShapeMismatch, ManifestInvalid
├─ EngineError      EngineUnavailable, EngineOutOfMemory, EngineOutputInvalid
└─ SettingsInvalid
"""


class FakeShieldError(Exception):
    """Root of everything raised on purpose."""


class InputError(FakeShieldError):
    """What a person gave cannot be used."""


class ImageUnreadable(InputError):
    """The bytes are not a picture we read."""


class ImageTooLarge(InputError):
    """The picture is over a size limit."""


class MaskShapeMismatch(InputError):
    """Two masks, or a mask and its picture, differ in size."""


class ManifestInvalid(InputError):
    """A manifest CSV lacks a column or names a file that is not there."""


class EngineError(FakeShieldError):
    """The engine cannot answer."""


class EngineUnavailable(EngineError):
    """Weights or device are missing."""


class EngineOutOfMemory(EngineError):
    """The device ran out of memory."""


class EngineOutputInvalid(EngineError):
    """The engine gave something that is not an answer."""


class SettingsInvalid(FakeShieldError):
    """An environment variable has a name or value we do not know."""

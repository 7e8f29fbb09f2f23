"""Errors raised on purpose; `str(error)` is one sentence a person may read, saying what to do next.

FakeShieldError
├─ InputError       ImageUnreadable, ImageTooLarge, MaskShapeMismatch, ManifestInvalid
├─ EngineError      EngineUnavailable, EngineOutOfMemory, EngineOutputInvalid
├─ FeedbackError    FeedbackInvalid, UnknownReceipt, SchemaTooNew, StorageFull, StoreUnavailable,
│                   ReleaseRefused
├─ FinetuneError    AdapterIncompatible, NotEnoughFeedback, RunRefused
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


class FeedbackError(FakeShieldError):
    """What a person said cannot be kept or found."""


class FeedbackInvalid(FeedbackError):
    """What was sent cannot be saved as it is."""


class UnknownReceipt(FeedbackError):
    """No item has this receipt code."""


class SchemaTooNew(FeedbackError):
    """The store was written by a later version."""


class StorageFull(FeedbackError):
    """The disk has no room; nothing that was saved before is lost."""


class StoreUnavailable(FeedbackError):
    """The store cannot be opened, is held by someone else, or is damaged."""


class ReleaseRefused(FeedbackError):
    """There is not enough accepted feedback for a release, or the release does not exist."""


class FinetuneError(FakeShieldError):
    """A retraining or an adapter cannot go on."""


class AdapterIncompatible(FinetuneError):
    """An adapter is damaged, or for another engine or base."""


class NotEnoughFeedback(FinetuneError):
    """The release teaches nothing."""


class RunRefused(FinetuneError):
    """A run may not start, or what was asked of it is not possible now."""


class SettingsInvalid(FakeShieldError):
    """An environment variable has a name or value we do not know."""

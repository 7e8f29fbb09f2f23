"""Typed access to a JSON object from outside: a value is of the type asked for, or a sentence names it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import InputError


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object and where it stands in the document; every reader raises InputError.

    A list that is absent or null reads as an empty one, an optional value as None. A number that is null
    reads as NaN: that is how one that is no number was written.
    """

    values: Mapping[str, JsonValue]
    path: str = ""  # "picture.", "regions[2]."

    @classmethod
    def of(cls, value: JsonValue, path: str = "") -> Fields:
        """The object at that path.

        Raises:
            InputError: it is no object.
        """
        if not isinstance(value, dict):
            raise InputError(
                f"The field {path or 'at the top'} is no object; send the result as it was given."
            )
        return cls(value, f"{path}." if path else "")

    def wrong(self, name: str) -> InputError:
        """The error for a field that is missing or of another type."""
        return InputError(
            f"The field {self.path}{name} is missing or of another type; send the result as it was given."
        )

    def text(self, name: str) -> str:
        """A text."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise self.wrong(name)
        return value

    def number(self, name: str) -> float:
        """A number, whole or not, of any size a float holds."""
        value = self.values.get(name, "")
        if value is None:
            return math.nan
        if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > sys.float_info.max:
            raise self.wrong(name)
        return float(value)

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(name)
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, None where absent or null."""
        return None if self.values.get(name) is None else self.text(name)

    def optional_number(self, name: str) -> float | None:
        """A number, None where absent or null."""
        return None if self.values.get(name) is None else self.number(name)

    def optional_whole(self, name: str) -> int | None:
        """A whole number, None where absent or null."""
        return None if self.values.get(name) is None else self.whole(name)

    def child(self, name: str) -> Fields:
        """An object."""
        return Fields.of(self.values.get(name), f"{self.path}{name}")

    def optional_child(self, name: str) -> Fields | None:
        """An object, None where absent or null."""
        return None if self.values.get(name) is None else self.child(name)

    def children(self, name: str) -> tuple[Fields, ...]:
        """A list of objects."""
        place = f"{self.path}{name}"
        return tuple(Fields.of(item, f"{place}[{at}]") for at, item in enumerate(self._list(name)))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(Fields({name: item}, self.path).text(name) for item in self._list(name))

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of numbers."""
        return tuple(Fields({name: item}, self.path).number(name) for item in self._list(name))

    def wholes(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        return tuple(Fields({name: item}, self.path).whole(name) for item in self._list(name))

    def optional_mapping(self, name: str) -> Mapping[str, JsonValue] | None:
        """An object of any values, None where absent or null."""
        child = self.optional_child(name)
        return child.values if child else None

    def number_mapping(self, name: str) -> Mapping[str, float]:
        """An object of numbers, empty where absent or null."""
        child = self.optional_child(name)
        return (
            {key: child.number(key) for key, value in child.values.items() if value is not None}
            if child
            else {}
        )

    def _list(self, name: str) -> list[JsonValue]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(name)
        return value

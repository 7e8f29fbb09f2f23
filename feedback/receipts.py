"""Receipt codes: unguessable, readable over the phone, forgiving when typed."""

from __future__ import annotations

import secrets

from fakeshield_core.errors import UnknownReceipt

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: without I, L, O, U
LENGTH = 10  # 50 random bits: one guess hits one of 100,000 receipts with probability 1e-10
GROUPS = (4, 4, 2)
READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})


def new_receipt() -> str:
    """A new code, such as "K7QF-2M9D-XR"."""
    return _grouped("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)))


def read_receipt(text: str) -> str:
    """The code as written on the receipt, from what a person typed: any case, spaces, O for 0, I and L for 1.

    Raises:
        UnknownReceipt: this is not the form of a code.
    """
    plain = "".join(text.upper().replace("-", " ").split()).translate(READ_AS)
    if len(plain) != LENGTH or set(plain) - set(ALPHABET):
        raise UnknownReceipt("This is not a receipt code; type it as on the receipt, such as K7QF-2M9D-XR.")
    return _grouped(plain)


def _grouped(plain: str) -> str:
    parts, start = [], 0
    for size in GROUPS:
        parts.append(plain[start : start + size])
        start += size
    return "-".join(parts)

"""From the answer of the DTE-FDM to a verdict: the published rule, and one that survives other wordings."""

from __future__ import annotations

import re
from typing import Literal

Rule = Literal["published", "robust"]
PUBLISHED_PHRASE = "has not been tampered with"
DESCRIPTION_HEADING = "Description of the tampered area:"
FIRST_HEADING = re.compile(r"whether the picture has been tampered with", re.IGNORECASE)
NEXT_HEADING = re.compile(r"\n\s*2\s*\.|judgment basis", re.IGNORECASE)
UNTOUCHED = re.compile(
    r"n[o']t\s+(been\s+)?tampered|no\s+(signs?|evidence|traces?)\s+of\s+(any\s+)?tampering"
    r"|(appears|seems)\s+(to\s+be\s+)?(authentic|genuine)|taken\s+directly\s+(by|from)\s+a\s+camera",
    re.IGNORECASE,
)
TOUCHED = re.compile(r"(has|have)\s+been\s+tampered|(is|was)\s+tampered", re.IGNORECASE)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def says_tampered(answer: str, rule: Rule = "published") -> bool:
    """Whether the answer calls the picture tampered.

    `published`: unless it holds the exact, case-sensitive words "has not been tampered with" anywhere.
    `robust`: the first sentence after the heading "Description of the tampered area:" that decides either
    way; "no signs of tampering", "appears authentic" and the like count as no. An answer that decides nothing
    counts as tampered, as in the published rule.
    """
    if rule == "published":
        return PUBLISHED_PHRASE not in answer
    for sentence in SENTENCE_END.split(_description(answer)):
        if UNTOUCHED.search(sentence):
            return False
        if TOUCHED.search(sentence):
            return True
    return True


def _description(answer: str) -> str:
    """The text between the first heading, which itself says "has been tampered with", and the second."""
    _, found, after = answer.partition(DESCRIPTION_HEADING)
    text = after if found else FIRST_HEADING.sub("", answer)
    end = NEXT_HEADING.search(text)
    return text[: end.start()] if end else text

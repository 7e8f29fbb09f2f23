"""The two-part answer of the DTE-FDM as a description and its reasons, whatever form the words came in.

The usual form is "1. Whether ... / Description of the tampered area: ...", a blank line, and "2. Judgment
basis: ...". A language model also leaves headings out, numbers or bullets reasons, runs them into one
paragraph, says things twice, and is cut off in the middle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

Topic = Literal[
    "place",
    "edges",
    "shadows",
    "lighting",
    "resolution",
    "perspective",
    "texture",
    "colour",
    "writing",
    "face",
    "physics",
    "meaning",
    "other",
]
MOST_REASONS = 20  # a model caught in a loop says no more after these
LABEL_WORDS = 5  # longest label before a colon: "Unnatural light and shadow"

WORDS: dict[Topic, str] = {  # the first topic that a text has a word of; a label decides before the text does
    "edges": r"edges?|boundar\w+|outlines?|contours?|borders?|cut[- ]?out|halo|feather\w*|jagged",
    "shadows": r"shadows?|shading",
    "lighting": r"light\w*|illuminat\w+|brightness|exposure|highlights?|reflections?|dark\w*",
    "resolution": r"resolution|sharp\w*|blur\w*|clarity|pixel\w*|compress\w+|artifacts?|artefacts?|noise"
    r"|details?|focus",
    "perspective": r"perspectiv\w+|scale|proportion\w*|depth|sizes?|vanishing|angles?",
    "texture": r"textur\w+|patterns?|repeat\w*|repetit\w+|smooth\w*|surface|grain",
    "colour": r"colou?rs?|hues?|saturat\w+|tones?|tints?|contrast",
    "writing": r"text|letters?|fonts?|characters?|writing|words?|signs?|logo",
    "face": r"fac(?:e|es|ial)|eyes?|teeth|mouth|skin|hair|expression",
    "physics": r"physic\w*|gravity|floating|float\w*|physical laws?|impossible|laws? of",
    "meaning": r"semantic\w*|common sense|context\w*|logic\w*|illogical|implausible|unrealistic|incongru\w+"
    r"|inconsistent content",
    "place": r"located|location|position\w*|tampered (?:area|region|part)",
}
PATTERNS = {topic: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for topic, words in WORDS.items()}

OPENING = re.compile(
    r"^\W*(?:1\s*[.):]\s*)?"
    r"(?:whether the (?:picture|image|photo) has been tampered(?: with)?\s*[/.:,|-]*\s*)?"
    r"(?:description of the tamper(?:ed|ing) (?:area|region)s?\s*[:.-]*\s*)?",
    re.IGNORECASE,
)
BASIS = re.compile(
    r"(?:^|\s)(?:\(?\d\s*[.):]+\s*)?"
    r"(?:judge?ment(?:al)?\s+bas[ie]s|(?:bas[ie]s|reasons?)\s+(?:of|for)\s+(?:the\s+|my\s+)?judge?ment)"
    r"\s*(?:[:.-]+|is\b|are\b|as follows|$)\s*",
    re.IGNORECASE,
)
SECOND_PART = re.compile(r"\n\s*(?:\n|\(?2\s*[.)])")
BULLET = re.compile(r"^\s*(?:[-*•·–—▪●]+|\(?\d{1,2}\s*[.):]|\(?[a-hA-H][.)]|\(?[ivx]{1,4}[.)])\s+")
BULLET_LINE = re.compile(r"\n" + BULLET.pattern.removeprefix("^"))
INLINE_NUMBER = re.compile(r"(?<=[.;:,])\s+(?=\(?[1-9]\s*[.)]\s*\S)")
ORDINAL = re.compile(
    r"(?<=[.;])\s+(?=(?:first(?:ly)?|second(?:ly)?|third(?:ly)?|fourth(?:ly)?|finally|lastly|in addition"
    r"|additionally|moreover|furthermore|also)\b)",
    re.IGNORECASE,
)
LABELLED = re.compile(r"(?<=[.;])\s+(?=[A-Z][A-Za-z ]{2,30}:\s)")
LIST = re.compile(r"\s*(?:,|;|\band\b)\s*")
SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[\"'(]?[A-Z0-9])")
MARKUP = re.compile(r"\*\*|__|`|^#{1,6}\s*|</?s>|<unk>", re.MULTILINE)
SIGNS = str.maketrans(
    {"：": ": ", "。": ". ", "，": ", ", "；": "; ", "\u00a0": " ", "\u3000": " ", "\r": ""}
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that the model says it sees."""

    topic: Topic
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed answer."""

    description: str  # what was said of verdict and place, without headings; may be empty
    reasons: tuple[Reason, ...]


def parse(text: str) -> Answer:
    """Description and reasons of an answer; never fails, an empty text has neither."""
    plain = _plain(text)
    description, basis = _halves(plain)
    said: dict[str, Reason] = {}
    for item in _items(basis):
        if len(said) < MOST_REASONS:
            said.setdefault(_key(item), Reason(topic_of(item), item))
    return Answer(_line(OPENING.sub("", description, count=1)), tuple(said.values()))


def region_paragraph(text: str) -> str | None:
    """The part of a growing answer that says where, once it has ended; None before.

    The paragraph ends with a blank line, with the heading of the second part, or with a line that begins it.
    """
    found = [match.start() for match in (BASIS.search(text), SECOND_PART.search(text)) if match]
    paragraph = text[: min(found)].strip() if found else ""
    return paragraph if OPENING.sub("", paragraph, count=1).strip() else None


def topic_of(item: str) -> Topic:
    """What a reason is about: by the label before its colon, else by its words."""
    label, colon, _ = item.partition(":")
    if colon and len(label.split()) <= LABEL_WORDS:
        for topic, pattern in PATTERNS.items():
            if pattern.search(label):
                return topic
    found = [(match.start(), topic) for topic, p in PATTERNS.items() if (match := p.search(item))]
    return min(found, key=lambda pair: pair[0])[1] if found else "other"


def _plain(text: str) -> str:
    """Without markup; lines without blanks at their ends."""
    bare = MARKUP.sub("", text.translate(SIGNS))
    return "\n".join(line.strip() for line in bare.split("\n")).strip()


def _halves(text: str) -> tuple[str, str]:
    """What comes before the reasons, and the reasons."""
    heading = BASIS.search(text)
    if heading:
        return text[: heading.start()], text[heading.end() :]
    second = SECOND_PART.search(text)
    starts = [match.start() for match in BULLET_LINE.finditer(text)] + ([second.start()] if second else [])
    cut = min((start for start in starts if OPENING.sub("", text[:start], count=1).strip()), default=None)
    if cut is not None:
        return text[:cut], text[cut:]
    return _first_sentences(text)


def _first_sentences(text: str) -> tuple[str, str]:
    """One paragraph: reasons begin with the first sentence that has a topic of its own."""
    sentences = SENTENCE.split(OPENING.sub("", text, count=1))
    for number, sentence in enumerate(sentences):
        if number and topic_of(sentence) not in ("other", "place"):
            return " ".join(sentences[:number]), " ".join(sentences[number:])
    return text, ""


def _items(basis: str) -> Iterator[str]:
    """The reasons of the second half, each on one line."""
    lines = [line for line in basis.split("\n") if line]
    marked = any(BULLET.match(line) for line in lines)
    whole = ""
    for line in lines:
        starts = BULLET.match(line)
        if whole and (starts or not marked):
            yield from _parts(whole)
            whole = ""
        whole = f"{whole} {BULLET.sub('', line, count=1)}".strip()
    yield from _parts(whole)


def _parts(line: str) -> Iterator[str]:
    """One line, split where it holds several reasons."""
    listed = [word for word in LIST.split(line.rstrip(". ")) if word]
    if len(listed) > 1 and all(len(word.split()) <= 2 and topic_of(word) != "other" for word in listed):
        yield from (_line(word) for word in listed)
        return
    for splitter in (INLINE_NUMBER, LABELLED, ORDINAL):
        pieces = [piece for piece in splitter.split(line) if _line(piece)]
        if len(pieces) > 1:
            yield from (_line(piece) for piece in pieces)
            return
    yield from _sentences(line)


def _sentences(line: str) -> Iterator[str]:
    """Sentences of an unmarked paragraph; one without a topic of its own stays with the one before.

    A line with a label is one reason, however many sentences it has.
    """
    label, colon, _ = line.partition(":")
    if colon and len(label.split()) <= LABEL_WORDS:
        yield from filter(None, [_line(line)])
        return
    kept = ""
    for sentence in SENTENCE.split(line):
        if kept and topic_of(sentence) not in ("other", topic_of(kept)):
            yield _line(kept)
            kept = ""
        kept = f"{kept} {sentence}".strip()
    yield from filter(None, [_line(kept)])


def _line(text: str) -> str:
    """On one line, without a bullet in front; empty where nothing is said."""
    line = BULLET.sub("", " ".join(text.split()), count=1).strip(" -*•:;,")
    return line if any(character.isalnum() for character in line) else ""


def _key(item: str) -> str:
    return re.sub(r"\W+", " ", item.casefold()).strip()


TOPICS: tuple[Topic, ...] = get_args(Topic)

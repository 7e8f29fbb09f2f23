"""The slow LLaMA tokenizers of transformers 4.28 and 4.37, rebuilt on SentencePiece alone.

Current tokenizers keep the blanks around added tokens and so give other ids than the weights were trained on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sentencepiece

from fakeshield_core.errors import EngineUnavailable

BLANK = "\u2581"  # SentencePiece's sign for a space
UNKNOWN, START, END = "<unk>", "<s>", "</s>"
IMAGE_TOKEN = "<image>"
IMAGE_ID = -200  # stands for the rows of the picture
# A second normalizer_spec in a serialized model merges into the first: field 3 { add_dummy_prefix: false }.
NO_DUMMY_PREFIX = b"\x1a\x02\x18\x00"

Era = Literal["4.28", "4.37"]


@dataclass(frozen=True, slots=True)
class TokenizerRules:
    """What differs between the libraries the two parts were trained with."""

    era: Era  # 4.28 strips the blanks around added tokens, and joins them with blanks when decoding
    legacy: bool  # True: SentencePiece's dummy prefix before every piece, not only before the first
    adds_start: bool = True


class PiecesTokenizer:
    """Text to ids and back, exactly as the published code did it."""

    def __init__(self, model: bytes, added: Mapping[str, int], rules: TokenizerRules) -> None:
        """Builds from a serialized SentencePiece model.

        Args:
            model: content of `tokenizer.model`.
            added: token -> id of the tokens after the SentencePiece vocabulary.
            rules: which library to follow.
        """
        prefixed = rules.legacy or rules.era == "4.28"
        self._pieces = sentencepiece.SentencePieceProcessor(
            model_proto=model if prefixed else model + NO_DUMMY_PREFIX
        )
        self._rules = rules
        self._prefixed = prefixed
        self.added = dict(added)
        self._token_of = {number: token for token, number in added.items()}
        self.start_id: int = self._pieces.piece_to_id(START)
        self.end_id: int = self._pieces.piece_to_id(END)
        self.pad_id: int = self._pieces.piece_to_id(UNKNOWN)  # the published code pads with <unk>
        self.legacy = rules.legacy or rules.era == "4.28"
        self.controls = (*self.added, END, START, UNKNOWN)  # what the text of a person must never contain
        longest_first = sorted(self.controls, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        self._unknown_length = len(self._pieces.encode(UNKNOWN))

    def encode(self, text: str) -> list[int]:
        """Ids of one text, with `<s>` in front where the folder says so."""
        start = [self.start_id] if self._rules.adds_start else []
        return start + [self.id_of(piece) for piece in self._tokens(text)]

    def encode_with_image(self, text: str) -> list[int]:
        """Ids of a prompt: the chunks around `<image>` encoded each for itself, -200 between them."""
        chunks = [self.encode(chunk) for chunk in text.split(IMAGE_TOKEN)]
        skip = 1 if self._rules.adds_start else 0
        ids = list(chunks[0])
        for chunk in chunks[1:]:
            ids += [IMAGE_ID, *chunk[skip:]]
        return ids

    def id_of(self, token: str) -> int:
        """The id of one piece or added token."""
        known = self.added.get(token)
        return int(self._pieces.piece_to_id(token)) if known is None else known

    def single_id(self, token: str) -> int:
        """The id of a token the network cannot do without.

        Raises:
            EngineUnavailable: the tokenizer does not know it as one token.
        """
        if token not in self.added:
            raise EngineUnavailable(
                f"The tokenizer has no single id for {token}; copy added_tokens.json from the weights."
            )
        return self.added[token]

    def decode(self, ids: Sequence[int], keep_special: bool = False) -> str:
        """The text of ids; the sentinel of the picture is left out.

        Args:
            ids: ids as generated.
            keep_special: True leaves `<s>`, `</s>` and `<unk>` in.
        """
        special = (START, END, UNKNOWN)
        tokens = [self._token(number) for number in ids if number != IMAGE_ID]
        if not keep_special:
            tokens = [token for token in tokens if token not in special]
        runs: list[str] = []
        run: list[str] = []
        for token in tokens:
            if token in self.added:
                runs += [*self._joined(run), token]
                run = []
            else:
                run.append(token)
        return " ".join(runs + self._joined(run))

    def _joined(self, tokens: list[str]) -> list[str]:
        """One run without added tokens as text; nothing for an empty run."""
        if not tokens:
            return []
        text = self._text(tokens)
        return [text] if text or self._rules.era == "4.28" else []

    def _text(self, tokens: list[str]) -> str:
        if self._rules.era == "4.37" and tokens[0].startswith(BLANK):
            tokens = [tokens[0][1:], *tokens[1:]]
        text, run, after_special = "", list[str](), False
        for index, token in enumerate(tokens):
            if token in (START, END, UNKNOWN):
                gap = " " if index and not after_special and self.legacy else ""
                text += gap + self._pieces.decode(run) + token
                run, after_special = [], True
            else:
                run.append(token)
                after_special = False
        return text + str(self._pieces.decode(run))

    def _token(self, number: int) -> str:
        return self._token_of.get(number) or str(self._pieces.id_to_piece(number))

    def _tokens(self, text: str) -> list[str]:
        if not text:
            return []
        if not self._prefixed:
            text = BLANK + text.replace(BLANK, " ")
        tokens: list[str] = []
        for part in self._parts(text):
            tokens += [part] if part in self.controls else self._pieces_of(part)
        leading = not self._prefixed and len(tokens) > 1 and tokens[0] == BLANK and tokens[1] in (START, END)
        return tokens[1:] if leading else tokens

    def _parts(self, text: str) -> Iterable[str]:
        parts = self._split.split(text)
        if self._rules.era == "4.28":
            for index in range(1, len(parts), 2):
                if parts[index] in self.added:
                    parts[index - 1], parts[index + 1] = parts[index - 1].rstrip(), parts[index + 1].lstrip()
        return [part for part in parts if part]

    def _pieces_of(self, text: str) -> list[str]:
        if self._prefixed or not text.startswith((BLANK, " ")):
            return list(self._pieces.encode(text, out_type=str))
        # without the dummy prefix a leading blank would be lost at the start; 4.37 shields it with <unk>
        return list(self._pieces.encode(UNKNOWN + text, out_type=str)[self._unknown_length :])


def read_tokenizer(folder: Path, era: Era) -> PiecesTokenizer:
    """The tokenizer of a part, from `tokenizer.model`, `tokenizer_config.json` and `added_tokens.json`.

    Raises:
        EngineUnavailable: a file is missing or damaged.
    """
    try:
        model = (folder / "tokenizer.model").read_bytes()
        config = _json(folder / "tokenizer_config.json")
        extra = _json(folder / "added_tokens.json")
        size = sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size()
    except (OSError, ValueError, RuntimeError) as error:
        raise EngineUnavailable(
            f"The tokenizer in {folder.name} cannot be read ({error}); download the folder again."
        ) from error
    added = {str(token): int(number) for token, number in extra.items()}
    for number, entry in config.get("added_tokens_decoder", {}).items():
        if int(number) >= size:
            added.setdefault(str(entry["content"]), int(number))
    legacy = config.get("legacy")
    rules = TokenizerRules(era, True if legacy is None else bool(legacy), config.get("add_bos_token", True))
    return PiecesTokenizer(model, added, rules)


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found

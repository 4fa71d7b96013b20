"""Texts of one column, in all tables and files, as numbers that stay theirs."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kernels.intern import ARENA, CODES, intern_texts, pack_texts, rehash

__all__ = ["Domain", "text_parts"]

_ALL = np.empty(0, np.bool_)
_FIRST_CODES, _FIRST_OCTETS = 1 << 12, 1 << 16
_LENGTH = np.uint64(24)


def _frozen(array: np.ndarray) -> np.ndarray:
    """Read-only, as Arrow's buffers are, so that a kernel has one form."""
    array.setflags(write=False)
    return array


def text_parts(texts: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Octets, offsets and validity of a string array."""
    _, offsets, data = texts.buffers()
    octets = np.frombuffer(data, np.uint8) if data is not None and data.size else _frozen(np.empty(0, np.uint8))
    if offsets is None or not len(texts):
        return octets, _frozen(np.zeros(len(texts) + 1, np.int32)), _ALL
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    valid = texts.is_valid().to_numpy(zero_copy_only=False) if texts.null_count else _ALL
    return octets, ends, valid


class Domain:
    """A code for each distinct text, in order of first appearance; -1 is null."""

    def __init__(self) -> None:
        self._arena = np.empty(_FIRST_OCTETS, np.uint8)
        self._records = np.empty(4 * _FIRST_CODES, np.uint64)
        self._slots = np.zeros(2 * _FIRST_CODES, np.uint64)
        self._state = np.zeros(2, np.int64)
        self._ranks = np.empty(0, np.int32)
        self._symbols = (0, 0, np.zeros(256, np.int64), 0)  # octets and codes that were looked at; what was found

    def __len__(self) -> int:
        return int(self._state[CODES])

    def _grow(self, octets: int) -> None:
        """Room for at least as many codes again, and for so many octets."""
        known = len(self)
        if known * 4 + 256 > self._records.size:
            self._records = np.concatenate([self._records, np.empty_like(self._records)])
            self._slots = np.zeros(2 * self._slots.size, np.uint64)
            rehash(self._records, known, self._slots)
        wanted = int(self._state[ARENA]) + octets
        if wanted > self._arena.size:
            arena = np.empty(max(wanted, 2 * self._arena.size), np.uint8)
            arena[: self._arena.size] = self._arena
            self._arena = arena

    def _intern(self, texts: pa.Array) -> np.ndarray:
        octets, ends, valid = text_parts(texts)
        out, done = np.empty(len(texts), np.int32), 0
        while done < out.size:
            tables = self._arena, self._records, self._slots
            done = intern_texts(octets, ends, valid, done, tables, self._state, out)
            if done < out.size:
                batch = int(ends[min(done + 32, out.size)]) - int(ends[done])
                self._grow(max(batch, 16))
        return out

    def codes(self, chunks: Sequence[pa.Array]) -> np.ndarray:
        """int32[n] codes of texts (plain or dictionary-encoded), or of numbers in decimal."""
        parts = [self._codes(chunk) for chunk in chunks]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty(0, np.int32)

    def _codes(self, chunk: pa.Array) -> np.ndarray:
        if pa.types.is_null(chunk.type):
            return np.full(len(chunk), -1, np.int32)
        if pa.types.is_string(chunk.type):
            return self._intern(chunk)
        if not pa.types.is_dictionary(chunk.type):
            text = pa.types.is_large_string(chunk.type) or pa.types.is_string_view(chunk.type)
            if text:
                return self._intern(chunk.cast(pa.string()))
            chunk = pc.dictionary_encode(chunk)
        values = chunk.dictionary
        of_value = self._intern(values if pa.types.is_string(values.type) else values.cast(pa.string()))
        of_value = np.append(of_value, np.int32(-1))
        indices = chunk.indices
        if indices.null_count:
            indices = indices.fill_null(len(values))
        taken: np.ndarray = of_value[indices.to_numpy(zero_copy_only=False)]
        return taken

    def codes_of(self, texts: Sequence[str]) -> np.ndarray:
        """int32[n]: the codes of these texts, which get one if they have none yet."""
        return self._intern(pa.array(texts, pa.string()))

    def hashes(self, codes: np.ndarray) -> np.ndarray:
        """uint64[n]: of codes (none negative) the hash of the text, the same in every domain."""
        found: np.ndarray = self._records[3::4][codes]
        return found

    def texts(self, codes: np.ndarray) -> pa.Array:
        """The texts of codes (none negative)."""
        places = self._records[2::4][codes]
        begins, lengths = (places >> _LENGTH).astype(np.int64), (places & np.uint64(0xFFFFFF)).astype(np.int64)
        offsets = np.zeros(codes.size + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        at = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
        data = self._arena[at]
        buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
        return pa.StringArray.from_buffers(codes.size, buffers[1], buffers[2])

    def texts_or_null(self, codes: np.ndarray) -> pa.Array:
        """The texts of codes, null for -1."""
        known = codes >= 0
        if known.all():
            return self.texts(codes)
        return self.texts(codes[known]).take(pa.array(np.cumsum(known) - 1, mask=~known))

    def _alphabet(self) -> tuple[np.ndarray, int]:
        """int64[256]: the rank from 1 of each octet that occurs in a text; how long the longest text is."""
        octets, codes, symbols, longest = self._symbols
        known, used = len(self), int(self._state[ARENA])
        if codes < known:
            longest = max(longest, int((self._records[4 * codes + 2 : 4 * known : 4] & np.uint64(0xFFFFFF)).max()))
            occurs = np.bincount(self._arena[octets:used], minlength=256) + symbols > 0
            symbols = np.where(occurs, np.cumsum(occurs), 0)
            self._symbols = used, known, symbols, longest
        return symbols, longest

    def order(self, codes: np.ndarray) -> np.ndarray:
        """int64[n]: what sorts these codes by their texts, octet by octet."""
        if codes.size < 2:
            return np.arange(codes.size)
        symbols, longest = self._alphabet()
        bits = max(1, int(symbols.max()).bit_length())
        width = 63 // bits
        how = np.array([0, bits, width], np.int64)
        words = np.empty((codes.size, max(1, -(-longest // width))), np.int64)
        pack_texts(self._arena, self._records, codes, symbols, how, words)
        if words.shape[1] == 1:
            return np.argsort(words[:, 0], kind="stable")
        return np.lexsort(words.T[::-1])

    def ranks(self) -> np.ndarray:
        """int32[codes]: the place of each code in the order of texts."""
        if self._ranks.size != len(self):
            order = self.order(np.arange(len(self), dtype=np.int32))
            self._ranks = np.empty(order.size, np.int32)
            self._ranks[order] = np.arange(order.size, dtype=np.int32)
        return self._ranks

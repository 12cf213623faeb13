"""Inflates gzip bodies: whole, or piece by piece. Time is linear in what comes and what it inflates to."""

from collections.abc import Iterator

from isal import isal_zlib

_GZIP = 16 + 15
"""The window bits that stand for gzip."""
_PIECE = 1024 * 1024
"""Bytes of a whole body that are inflated at once."""
_INPUT = 256 * 1024
"""Bytes that are handed to a member at once: it copies what it does not use …"""
_INPUT_OF_LATER = 1024
"""… and a later member is handed few at first, since a body may be made of very many small ones."""
_MOST_MEMBERS = 10_000
"""A body has one member, or one for each block where it was compressed in parallel."""


def inflate(body: bytes | bytearray, encoding: str, largest: int) -> bytes | None:
    """Return the body as it was before compression, or None if that is longer than ``largest``.

    Raises ValueError with the reason if the body cannot be inflated.
    """
    inflater, pieces, size = Inflater(encoding, min(_PIECE, largest + 1)), list[bytes](), 0
    for piece in inflater.feed(body):
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            return None
    inflater.end()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Inflater:
    """Inflates a body that comes in pieces, to pieces of at most ``piece`` bytes: a small body may hold a huge one.

    Raises ValueError with the reason if the body cannot be inflated.
    """

    def __init__(self, encoding: str, piece: int) -> None:
        self._compressed = _is_gzip(encoding)
        self._piece = piece
        self._member = isal_zlib.decompressobj(wbits=_GZIP)
        self._members = 0
        """Members that have begun."""
        self._input = _INPUT

    def feed(self, data: bytes | bytearray) -> Iterator[bytes]:
        """Yield the pieces that these bytes complete."""
        if not self._compressed:
            yield bytes(data)
            return
        with memoryview(data) as view:
            at, full = 0, False
            while at < len(view) or full:
                self._begin_member()
                given = view[at : at + self._input]
                try:
                    out = self._member.decompress(given, self._piece)
                except isal_zlib.error:  # type: ignore[misc]  # The stubs declare an instance, not a class.
                    raise ValueError("it is not gzip") from None
                unused = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
                at += len(given) - len(unused)
                self._input = min(2 * self._input, _INPUT)
                # All the input may be consumed while some of the output is still to come.
                full = len(out) == self._piece and not self._member.eof
                if out:
                    yield out

    def end(self) -> None:
        """Check that the body is complete."""
        if self._members and not self._member.eof:
            raise ValueError("it ends too early")

    def _begin_member(self) -> None:
        """Go on with the member that has begun, or begin the next one."""
        if self._members and not self._member.eof:
            return
        if self._members:
            self._member = isal_zlib.decompressobj(wbits=_GZIP)
            self._input = _INPUT_OF_LATER
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise ValueError(f"it has more than {_MOST_MEMBERS} members")


def _is_gzip(encoding: str) -> bool:
    """Read the Content-Encoding. Raises ValueError if it is one that was not asked for."""
    if encoding.lower() in {"", "identity"}:
        return False
    if encoding.lower() not in {"gzip", "x-gzip"}:
        raise ValueError("its encoding is not the one that was asked for")
    return True

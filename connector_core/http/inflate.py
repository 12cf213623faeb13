"""Inflates gzip bodies: in one go, or piece by piece."""

from collections.abc import Iterator

from isal import isal_zlib

_GZIP = 16 + 15
"""The window bits that stand for gzip."""


def inflate(body: bytes | bytearray, encoding: str, largest: int) -> bytes | None:
    """Return the body as it was before compression, or None if that is longer than ``largest``.

    Raises ValueError with the reason if the body cannot be inflated.
    """
    inflater, inflated = Inflater(encoding, largest + 1), b""
    for piece in inflater.feed(body):
        inflated += piece
        if len(inflated) > largest:
            return None
    inflater.end()
    return inflated


class Inflater:
    """Inflates a body that comes in pieces, to pieces of at most ``piece`` bytes: a small body may hold a huge one.

    Raises ValueError with the reason if the body cannot be inflated.
    """

    def __init__(self, encoding: str, piece: int) -> None:
        self._compressed = _is_gzip(encoding)
        self._piece = piece
        self._member = isal_zlib.decompressobj(wbits=_GZIP)
        self._begun = False

    def feed(self, data: bytes | bytearray) -> Iterator[bytes]:
        """Return the pieces that these bytes complete."""
        if not self._compressed:
            yield bytes(data)
            return
        full = False
        while data or full:
            if self._member.eof:
                self._member = isal_zlib.decompressobj(wbits=_GZIP)
            self._begun = True
            try:
                out = self._member.decompress(data, self._piece)
            except isal_zlib.error:  # type: ignore[misc]  # Its stubs say that it is an instance.
                raise ValueError("it is not gzip") from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            # All the input may be consumed while some of the output is still to come.
            full = len(out) == self._piece and not self._member.eof
            if out:
                yield out

    def end(self) -> None:
        """Check that the body is complete."""
        if self._begun and not self._member.eof:
            raise ValueError("it ends too early")


def _is_gzip(encoding: str) -> bool:
    """Read the Content-Encoding. Raises ValueError if it is one that was not asked for."""
    if encoding.lower() in {"", "identity"}:
        return False
    if encoding.lower() not in {"gzip", "x-gzip"}:
        raise ValueError("its encoding is not the one that was asked for")
    return True

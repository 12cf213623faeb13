"""Bodies as they were before compression: whole, or piece by piece."""

from collections.abc import Iterator

from isal import isal_zlib

_GZIP = 16 + 15
"""The window bits that stand for gzip."""


def packed(encoding: str) -> bool:
    """Whether a body of this Content-Encoding is gzip. ValueError where it is something else again."""
    if encoding.lower() in {"", "identity"}:
        return False
    if encoding.lower() not in {"gzip", "x-gzip"}:
        raise ValueError("its encoding is not the one that was asked for")
    return True


def inflate(body: bytes, encoding: str, largest: int) -> bytes | None:
    """The body as it was before compression; None if that is longer than ``largest``.

    ValueError says why it cannot be unpacked.
    """
    inflater, whole = Inflater(encoding, largest + 1), b""
    for piece in inflater.feed(body):
        whole += piece
        if len(whole) > largest:
            return None
    inflater.end()
    return whole


class Inflater:
    """The same piece by piece, none larger than ``piece`` bytes: a small body may unpack to a huge one."""

    def __init__(self, encoding: str, piece: int) -> None:
        self._packed = packed(encoding)
        self._piece = piece
        self._member = isal_zlib.decompressobj(wbits=_GZIP)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes out when this goes in. ValueError as above."""
        if not self._packed:
            yield data
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
            # All may have gone in while more is still to come out.
            full = len(out) == self._piece and not self._member.eof
            if out:
                yield out

    def end(self) -> None:
        """ValueError if more should have come."""
        if self._begun and not self._member.eof:
            raise ValueError("it ends too early")

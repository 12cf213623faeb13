"""The streams of this process: closed, too narrow for some letters, or without a reader."""

import io
import os
import sys
from typing import TextIO

READER_GONE = 141
"""Exit code where the reader of standard output has gone: that of a program which SIGPIPE ends."""


def repair() -> None:
    """Replace closed streams, and let every stream print characters that its encoding lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w")))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def silence(stream: TextIO) -> None:
    """Let nothing reach a stream any more. Its reader has gone, and Python would complain when it flushes at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

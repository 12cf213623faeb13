"""Logs by structlog, and the processor that drops secrets by value.

A program that embeds the host puts ``hide_secrets`` into its own structlog chain, before the renderer.
"""

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from io import TextIOBase
from typing import Any, TextIO

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[secret]"

_SECRETS: ContextVar[tuple[SecretStr, ...]] = ContextVar("connector_core_secrets", default=())


@contextmanager
def hiding(secrets: Iterable[SecretStr]) -> Iterator[None]:
    """Within this context, and the tasks and threads it starts, these values are replaced in every log line."""
    token = _SECRETS.set((*_SECRETS.get(), *secrets))
    try:
        yield
    finally:
        _SECRETS.reset(token)


def hide_secrets(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:  # noqa: ARG001
    """Replace the secrets in use wherever they are in the event: a structlog processor."""
    values = [secret.get_secret_value() for secret in _SECRETS.get()]
    return {key: _hide(value, values) for key, value in event.items()} if values else event


def _hide(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {_hide(key, secrets): _hide(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hide(item, secrets) for item in value]
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    return _hide(str(value), secrets)


class Forgiving(TextIOBase):
    """A stream for logs that ignores errors: a run must not end because the reader of its log has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


def configure(*, verbose: bool, stream: TextIO | None = None) -> None:
    """Log to standard error: JSON lines; on a terminal text, and only errors unless ``verbose``."""
    out: Any = Forgiving(stream or sys.stderr)
    terminal = out.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(default=str)
    )
    level = logging.DEBUG if verbose else logging.ERROR if terminal else logging.INFO
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # Libraries log through the same chain, so that their lines are searched for secrets too.
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)

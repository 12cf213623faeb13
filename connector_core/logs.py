"""Logs by structlog, and the processor that hides secrets.

A program that embeds the host puts ``hide_secrets`` into its own structlog chain, before the renderer.
"""

import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from io import TextIOBase
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from connector_core.secrecy import SecretsInUse, secrets_in_use

_KEPT = frozenset({"_record", "_from_structlog"})
"""Keys that structlog removes before an event is rendered. Other processors need their values as they are."""


def hide_secrets(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Replace the secrets in use wherever they are in the event: a structlog processor.

    An exception that no processor before it has rendered is rendered here, as text: a later one would quote the secrets
    that its message or, where frames are shown with their locals, its traceback holds.
    """
    secrets = secrets_in_use()
    if not secrets:
        return event
    event = structlog.processors.format_exc_info(logger, name, event)
    return {key: value if key in _KEPT else _hide(value, secrets) for key, value in event.items()}


def _hide(value: Any, secrets: SecretsInUse) -> Any:
    if isinstance(value, str):
        return secrets.hidden_in(value)
    if isinstance(value, (int, float)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {_hide(key, secrets): _hide(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_hide(item, secrets) for item in value]
    if isinstance(value, tuple):
        return tuple([_hide(item, secrets) for item in value])
    return secrets.hidden_in(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - any object may be logged, and no log line may end a run
        return f"<{type(value).__name__}>"


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
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer(default=str)
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

"""The store with its integrations, and the key of their secrets. Neither is created here."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from connector_core.doctor.finding import SECONDS, Finding, Health, failure, in_time
from connector_core.errors import ConnectorCoreError, PluginError, SettingsError
from connector_core.messages import counted
from connector_core.plugins import Registry
from connector_core.store import Held, Integration, RunSummary, Store
from connector_core.vault import Vault


@dataclass(frozen=True, slots=True)
class Stored:
    """An integration, its last run, and its plan that waits."""

    integration: Integration
    last: RunSummary | None
    held: Held | None


# ---- the store


async def examine_store(path: Path) -> tuple[Finding, list[Stored]]:
    """Return the finding about the store, and its integrations. A store of an older version is left as it is."""
    path = _place(path)
    try:
        async with aclosing(Store(path)) as store:
            file = await in_time(store.inspection.file)
            if file is None:
                return await in_time(partial(_absent, path)), []
            said = f"{path}, {file.size / 1e6:,.1f} MB, version {file.version}"
            if file.version < file.current:
                what = f"{said}; the next command keeps a copy of it and brings it to version {file.current}."
                return Finding("store", Health.WARNING, what), []
            async with asyncio.timeout(2 * SECONDS):
                return await _opened(store, path, said)
    except (ConnectorCoreError, OSError) as error:  # A TimeoutError is an OSError.
        return failure("store", error), []


def _place(path: Path) -> Path:
    """Return the full path, as messages show it, without asking the disk."""
    return Path(os.path.normpath(path.absolute()))


def _absent(path: Path) -> Finding:
    folder = path.parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return Finding("store", Health.OK, f"None yet: {path} is made when the first integration is connected.")
    fault = "cannot be written" if folder.exists() else "does not exist"
    remedy = "Make the folder, or name another store: --store FILE."
    return Finding("store", Health.PROBLEM, f"The folder of the store, {folder}, {fault}.", remedy)


async def _opened(store: Store, path: Path, said: str) -> tuple[Finding, list[Stored]]:
    damage = await store.inspection.damage(SECONDS)
    if damage:
        return Finding("store", Health.PROBLEM, f"{path} is damaged: {damage}.", "Restore it from a copy."), []
    stored = []
    for one in await store.integrations.all():
        (last, *_) = [*await store.runs.history(one.name, 1), None]
        stored.append(Stored(one, last, await store.plans.held(one.name)))
    if not await in_time(partial(_is_writable, path)):
        remedy = "Let this user write to it and to its folder."
        return Finding("store", Health.PROBLEM, f"{said}; it cannot be written.", remedy), stored
    said = f"{said}, {counted(len(stored), 'integration')}"
    if damage is None:
        return Finding("store", Health.WARNING, f"{said}; too large to be checked for damage in {SECONDS:g} s."), stored
    return Finding("store", Health.OK, f"{said}, undamaged"), stored


def _is_writable(path: Path) -> bool:
    return all(os.access(one, os.W_OK) for one in (path, path.parent))


# ---- the key


def of_key(vault: Vault, stored: Sequence[Stored]) -> Finding:
    """Return the finding about the key: its place, and if it opens the secrets of all integrations."""
    if not vault.has_key() and not stored:
        said = f"None yet: {vault.place} is made when the first integration is connected."
        return Finding("key", Health.OK, said)
    vault.verify()
    closed = {one.integration.name: error for one in stored if (error := _refused(vault, one.integration))}
    if closed:
        (first, *_) = closed.values()
        return Finding("key", Health.PROBLEM, f"{', '.join(closed)}: {first.message}", first.hint)
    opened = f", opens the secrets of {counted(len(stored), 'integration')}" if stored else ""
    return Finding("key", Health.OK, f"{vault.place}{opened}")


def _refused(vault: Vault, integration: Integration) -> SettingsError | None:
    try:
        vault.open(integration.sealed)
    except SettingsError as error:
        return error
    return None


# ---- the integrations


def of_integration(one: Stored, registry: Registry) -> Finding:
    """Return the finding about one integration: its connector, its token's age, its last run, a plan that waits."""
    name = one.integration.name
    subject = f"integration {name}"
    try:
        manifest = registry.connector(one.integration.connector).manifest
    except PluginError as error:
        return failure(subject, error)
    said = f"{manifest.title}, {_last_run(one.last, one.held)}"
    age = datetime.now(UTC) - one.integration.credentials_at
    if manifest.token_lifetime and age > manifest.token_lifetime:
        remedy = f"Connect again with a new one: discover connect {one.integration.connector} --name {name}"
        return Finding(subject, Health.PROBLEM, f"{said}; its token is {age.days:,} days old and has expired.", remedy)
    if one.held:
        remedy = f"Look at it: discover apply {name}"
        return Finding(subject, Health.WARNING, f"{said}; {counted(one.held.changes, 'change')} waiting.", remedy)
    if one.last and one.last.error and one.last.error != "interrupted":
        return Finding(subject, Health.WARNING, f"{said}.", f"Look at it: discover check {name}")
    return Finding(subject, Health.OK, said)


def _last_run(last: RunSummary | None, held: Held | None) -> str:
    if last is None:
        return "no run yet"
    if last.finished_at is None:
        return f"running or interrupted since {last.run.started_at:%Y-%m-%d %H:%M} UTC"
    # The plan that waits may be of an earlier run.
    waiting = held is not None and held.run_id == last.run.id
    return f"last run {last.finished_at:%Y-%m-%d %H:%M} UTC: {last.describe(running=False, waiting=waiting)}"

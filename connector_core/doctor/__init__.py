"""An examination of this installation: the machine, the store, the key, the plugins and the providers' clocks.

It creates and changes nothing, prints no secret, and every part of it has a time limit and fails alone.
"""

from functools import partial
from pathlib import Path

from connector_core.doctor.finding import Finding, Health, found_by
from connector_core.doctor.machine import packages, proxy, python, trust, web_host
from connector_core.doctor.plugins import load_plugins, of_plugin
from connector_core.doctor.providers import clocks
from connector_core.doctor.stored import examine_store, of_integration, of_key
from connector_core.errors import SettingsError
from connector_core.plugins import Registry
from connector_core.settings import DEFAULT_FILE, Settings
from connector_core.vault import Vault

__all__ = ["Finding", "Health", "examine", "read_settings"]


def read_settings(file: Path | None, *, store: Path | None = None) -> tuple[Settings | None, Finding]:
    """Return the settings, as ``Settings.load`` reads them, or None; and the finding about the file."""
    path = file or Path(DEFAULT_FILE)
    try:
        settings = Settings.load(file, store=store)
    except SettingsError as error:
        message = f"{error.message} The store and the plugins are examined when it can be read."
        return None, Finding("settings", Health.PROBLEM, message, error.hint)
    said = f"{path.absolute()}" if path.exists() else f"The defaults: there is no {path.absolute()}"
    return settings, Finding("settings", Health.OK, said)


async def examine(
    settings: Settings | None,
    *,
    vault: Vault | None = None,
    registry: Registry | None = None,
    offline: bool = False,
) -> list[Finding]:
    """Return the findings about this installation, in the order of what depends on what.

    Args:
        settings: None where they cannot be read: then only the machine is examined.
        vault: The host's, if it was given one.
        registry: The host's, if it has one; otherwise plugins are found and loaded.
        offline: True sends no request to a provider.
    """
    probes = {"python": python, "packages": packages, "web host": web_host, "trust": trust}
    machine = [await found_by(subject, probe) for subject, probe in probes.items()]
    machine.append(await found_by("proxy", partial(proxy, settings.host.http.proxy if settings else "")))
    if settings is None:
        return machine
    registry = registry or await load_plugins(settings)
    store, stored = await examine_store(settings.host.store)
    vault = vault or Vault(key_file=settings.host.key_file)
    key = await found_by("key", partial(of_key, vault, stored))
    integrations = [of_integration(one, registry) for one in stored]
    seen = [] if offline else await clocks(settings.host, registry, [one.integration for one in stored])
    return [*machine, store, key, *map(of_plugin, registry.entries), *integrations, *seen]

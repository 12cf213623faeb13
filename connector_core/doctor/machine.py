"""The machine: Python, the packages that matter, the trust store, and the proxy."""

import os
import platform
import ssl
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from urllib.request import getproxies

from packaging.requirements import Requirement

from connector_core.distributions import how_to_install
from connector_core.doctor.finding import Finding, Health
from connector_core.http import tls_context
from connector_core.proxies import Proxies

OWN = "connector-core"
_SHOWN = frozenset({"aiohttp", "cryptography", "msgspec", "pluggy", "pydantic"})
"""The packages whose versions explain most."""
_CERT_FILE = "SSL_CERT_FILE"
_ANY_HOST = "provider.invalid"
"""A host that no list of exceptions names."""


def python() -> Finding:
    """Return the versions of Python and of this program."""
    where = f"{platform.system()} {platform.machine()}"
    said = f"{platform.python_implementation()} {platform.python_version()} on {where}, {OWN} {version(OWN)}"
    return Finding("python", Health.OK, said)


def packages() -> Finding:
    """Compare the packages that are installed with those that this program needs."""
    needed = [Requirement(one) for one in requires(OWN) or ()]
    found = {one.name: version(one.name) for one in needed if one.marker is None}
    unfit = [f"{one} (installed: {found[one.name]})" for one in needed if one.name in found and not _fits(one, found)]
    if unfit:
        remedy = f"Install what it needs: python -m pip install {OWN}"
        return Finding("packages", Health.PROBLEM, f"Too old or too new: {', '.join(unfit)}.", remedy)
    return Finding("packages", Health.OK, ", ".join(f"{name} {found[name]}" for name in sorted(_SHOWN)))


def web_host() -> Finding:
    """Name the packages of the web host that are not installed, or that are too old or too new."""
    needed = (one for one in map(Requirement, requires(OWN) or ()) if _of_extra(one, "web"))
    lacking = [one.name for one in needed if not _installed(one)]
    if not lacking:
        return Finding("web host", Health.OK, "The packages of `discover serve` are installed.")
    said = f"`discover serve` needs packages that are not installed, or too old or too new: {', '.join(lacking)}."
    return Finding("web host", Health.WARNING, said, f"If you use it: {how_to_install('web')}")


def _of_extra(one: Requirement, extra: str) -> bool:
    return one.marker is not None and one.marker.evaluate({"extra": extra}) and not one.marker.evaluate({"extra": ""})


def _installed(one: Requirement) -> bool:
    try:
        return one.specifier.contains(version(one.name), prereleases=True)
    except PackageNotFoundError:
        return False


def _fits(needed: Requirement, found: dict[str, str]) -> bool:
    return needed.specifier.contains(found[needed.name], prereleases=True)


def trust() -> Finding:
    """Return the certificate authorities that providers are trusted by. Raises SettingsError if there are none."""
    context = tls_context()
    count = context.cert_store_stats()["x509_ca"]
    if _CERT_FILE in os.environ:
        file = os.environ[_CERT_FILE]
        if not count:
            remedy = f"Name a PEM file with the certificate authorities in {_CERT_FILE}, or unset it."
            return Finding("trust", Health.PROBLEM, f"{file} holds no certificate authority ({_CERT_FILE}).", remedy)
        return Finding("trust", Health.OK, f"{_authorities(count)} in {file} ({_CERT_FILE})")
    paths = ssl.get_default_verify_paths()
    if not count and paths.capath:
        # Those of a folder are read when they are needed, and not counted before.
        count = sum(1 for _ in Path(paths.capath).iterdir())
    if not count:
        remedy = f"Install the system's certificate authorities, or name a file of them in {_CERT_FILE}."
        return Finding("trust", Health.PROBLEM, "The system trusts no certificate authority.", remedy)
    return Finding("trust", Health.OK, f"{_authorities(count)} of the system ({paths.cafile or paths.capath})")


def _authorities(count: int) -> str:
    return f"{count:,} certificate {'authority' if count == 1 else 'authorities'}"


def proxy(setting: str = "") -> Finding:
    """Return the proxy to providers, without its credentials. Raises SettingsError if it is not valid."""
    found = Proxies(setting).to(_ANY_HOST, 443)
    if found is None:
        return Finding("proxy", Health.OK, "none")
    exceptions = "" if setting else getproxies().get("no", "")
    credentials = ", with credentials" if found.authorization else ""
    said = f"{found} ({found.source}){credentials}{f'; not for {exceptions}' if exceptions else ''}"
    return Finding("proxy", Health.OK, said)

"""The machine: Python, the packages that matter, the trust store, and the proxy."""

import os
import platform
import ssl
from importlib.metadata import requires, version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from packaging.requirements import Requirement

from connector_core.doctor.finding import Finding, Health

OWN = "connector-core"
_SHOWN = frozenset({"aiohttp", "cryptography", "msgspec", "pluggy", "pydantic"})
"""The packages whose versions explain most."""
_CERT_FILE = "SSL_CERT_FILE"


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


def _fits(needed: Requirement, found: dict[str, str]) -> bool:
    return needed.specifier.contains(found[needed.name], prereleases=True)


def trust() -> Finding:
    """Return the certificate authorities that providers are trusted by."""
    if _CERT_FILE in os.environ:
        return _trust_file(os.environ[_CERT_FILE])
    count = ssl.create_default_context().cert_store_stats()["x509_ca"]
    paths = ssl.get_default_verify_paths()
    if not count and paths.capath:
        # Those of a folder are read when they are needed, and not counted before.
        count = sum(1 for _ in Path(paths.capath).iterdir())
    if not count:
        remedy = f"Install the system's certificate authorities, or name a file of them in {_CERT_FILE}."
        return Finding("trust", Health.PROBLEM, "The system trusts no certificate authority.", remedy)
    return Finding("trust", Health.OK, f"{_authorities(count)} of the system ({paths.cafile or paths.capath})")


def _trust_file(name: str) -> Finding:
    said = f"{_CERT_FILE} names {name or 'nothing'}"
    remedy = f"Name a PEM file with the certificate authorities in {_CERT_FILE}, or unset it."
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=name)
    except ssl.SSLError:
        return Finding("trust", Health.PROBLEM, f"{said}, which holds no certificate.", remedy)
    except OSError as error:
        return Finding("trust", Health.PROBLEM, f"{said}, which cannot be read: {error.strerror}.", remedy)
    if count := context.cert_store_stats()["x509_ca"]:
        return Finding("trust", Health.OK, f"{_authorities(count)} in {name} ({_CERT_FILE})")
    return Finding("trust", Health.PROBLEM, f"{said}, which holds no certificate authority.", remedy)


def _authorities(count: int) -> str:
    return f"{count:,} certificate {'authority' if count == 1 else 'authorities'}"


def proxy() -> Finding:
    """Return the proxy that the environment names, without its credentials."""
    found = getproxies()
    given, exceptions = found.get("https"), found.get("no")
    if not given:
        return Finding("proxy", Health.OK, "none")
    try:
        url = urlsplit(given if "://" in given else f"http://{given}")
        place = f"{url.scheme}://{url.hostname}:{url.port or 80}"
    except ValueError:
        url, place = urlsplit(""), ""
    if not url.hostname:
        remedy = "Write it as http://proxy.example:3128."
        return Finding("proxy", Health.PROBLEM, "HTTPS_PROXY is not a valid address.", remedy)
    credentials = ", with credentials" if url.username or url.password else ""
    return Finding("proxy", Health.OK, f"{place}{credentials}{f'; not for {exceptions}' if exceptions else ''}")

"""plugins.toml and its defaults: what is allowed, with which options, and where things are kept."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from connector_core.errors import SettingsError
from connector_core.problems import problems
from connector_core.proxies import OFF, Proxy
from connector_core.sdk.manifest import Manifest, RateLimit

DEFAULT_FILE = "plugins.toml"
DEFAULT_STORE = "discover.sqlite"


# At least what a clock can measure, at most a day.
Seconds = Annotated[float, Field(ge=0.001, le=86_400)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True)
class Endpoint:
    """An address and a port, written ``127.0.0.1:8443``."""

    address: str
    port: int

    @classmethod
    def parse(cls, value: object) -> "Endpoint":
        address, _, port = str(value).rpartition(":")
        if not address.strip("[]") or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            raise ValueError("is not an address and a port such as 127.0.0.1:8443")
        return cls(address.strip("[]"), int(port))


def _endpoint(value: str) -> str:
    Endpoint.parse(value)
    return value


def _proxy(value: str) -> str:
    if value not in {"", OFF} and Proxy.parse(SecretStr(value)).authorization:
        raise ValueError("must not hold credentials: set the environment variable HTTPS_PROXY instead")
    return value


class HttpSettings(_Settings):
    """Time-outs, retries, limits and the proxy of the HTTP client."""

    connect_timeout: Seconds = 10
    """Seconds to resolve the host name, and again to open a connection, TLS included."""
    page_timeout: Seconds = 90
    """Seconds to receive a whole response. Seven are normal for a page at Namely."""
    at_once: Annotated[int, Field(ge=1, le=256)] = 16
    """Most requests of a run at the same time. Fewer are used while the provider slows down, throttles or fails."""
    tries: Annotated[int, Field(ge=1, le=100)] = 4
    """Attempts per request, for 5xx, resets and time-outs."""
    first_wait: Annotated[float, Field(ge=0, le=60)] = 0.5
    """Seconds before the second attempt; each further wait doubles, with jitter, up to ten seconds."""
    throttle_tries: Annotated[int, Field(ge=1, le=100)] = 10
    """Attempts per request, when the provider answers that there were too many."""
    throttle_wait: Seconds = 60
    """Longest wait, in seconds, between two attempts when the provider throttles and does not say for how long."""
    longest_wait: Seconds = 300
    """If the provider asks to wait more seconds than this, the run ends as deferred."""
    largest_answer: Annotated[int, Field(gt=0)] = 64 * 1024 * 1024
    """Most bytes in one response, decompressed."""
    proxy: Annotated[str, AfterValidator(_proxy)] = ""
    """The proxy to every provider, such as `http://proxy.example:3128`, in place of the environment's; `none` for no
    proxy. Without it, HTTPS_PROXY, ALL_PROXY and NO_PROXY decide."""


class LossSettings(_Settings):
    """Limits above which losses (removals, and people turned inactive) are held for approval."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Losses are held if they are more than this share of the kind …"""
    at_least: Annotated[int, Field(ge=1, le=1_000_000)] = 3
    """… and at least this many …"""
    days: Annotated[int, Field(ge=1, le=3650)] = 7
    """… within this many days."""
    vanished_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 3
    """Removals of rows that left the listing are held from this many on, if former employees stay listed …"""
    vanished_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """… or from this share of the kind, whichever is reached first."""
    second_scan_after: Annotated[float, Field(ge=0, le=8760)] = 12
    """Hours after which a second scan that lacks a row proves it gone, where no row can be requested by its id."""


class GrowthSettings(_Settings):
    """Limits above which creates are held for approval. A first complete reading is applied, however large."""

    times: Annotated[float, Field(ge=1, le=1_000_000)] = 2.0
    """Creates are held if they are more than this many times the rows that were stored …"""
    at_least: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    """… and at least this many …"""
    days: Annotated[int, Field(ge=1, le=3650)] = 7
    """… within this many days. What an operator approved does not count again."""


class BoundSettings(_Settings):
    """The most that a run reads of one kind, so that a listing without an end fills no disk."""

    rows: Annotated[int, Field(ge=1)] = 2_000_000
    """Most rows, also of a listing that is read beside the kind. A read that exceeds a bound ends there, is not
    complete, and creates nothing."""
    bytes: Annotated[int, Field(ge=1)] = 2 * 1024**3
    """Most bytes of the rows as they are stored."""
    rejected: Annotated[int, Field(ge=1)] = 10_000
    """Most rows that could not be used. The certificate names each."""


class DriftSettings(_Settings):
    """Limits above which fields that came empty are not believed. A status never is."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.2
    """A field's stored values are kept if more than this share of them would be cleared …"""
    at_least: Annotated[int, Field(ge=1, le=1_000_000)] = 3
    """… and at least this many …"""
    days: Annotated[int, Field(ge=1, le=3650)] = 7
    """… within this many days …"""
    all_of: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    """… or all of those in the rows that were read, if there are at least this many."""
    at_most: Annotated[int, Field(ge=1, le=1_000_000_000)] = 50
    """More cleared values of one field than this, within the days, are not believed, however small their share."""
    rows: Annotated[int, Field(ge=1, le=1_000_000)] = 3
    """Rows that came nearly empty are not believed from this many on, within the days …"""
    rows_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """… or from this share of the kind, whichever is reached first."""


class DeltaSettings(_Settings):
    """Settings of `discover run --delta`."""

    overlap: Annotated[float, Field(ge=0, le=604_800)] = 3600
    """Seconds before the last known change: rows that changed within them are read again."""
    full_after: Annotated[float, Field(gt=0, le=365)] = 7
    """Days after which a delta gives way to a full scan, which alone finds removals."""


class RetentionSettings(_Settings):
    """Days for which history is kept. Older history is deleted after the next run of its integration."""

    runs: Annotated[int, Field(ge=1, le=36_500)] = 400
    """Days for which a run and its certificates are kept. The newest two stay at any age."""
    changes: Annotated[int, Field(ge=1, le=36_500)] = 400
    """Days for which the changes of a run are kept: ids, names of fields and reasons; at most as long as the run."""
    held: Annotated[int, Field(ge=1, le=36_500)] = 90
    """Days after which a held plan that was neither applied nor replaced is discarded."""
    undo: Annotated[int, Field(ge=0, le=90)] = 0
    """Days for which rows are kept as they were before a plan was applied, so that `discover undo` can put them back.
    0 keeps none."""


class HostSettings(_Settings):
    store: Path = Path(DEFAULT_STORE)
    """The database."""
    key_file: Path | None = None
    """File of the key that seals the secrets of this database. Without it: `DISCOVER_SECRET_KEY`, or the user's own."""
    http: HttpSettings = HttpSettings()
    """See [host.http]."""
    losses: LossSettings = LossSettings()
    """See [host.losses]."""
    growth: GrowthSettings = GrowthSettings()
    """See [host.growth]."""
    bounds: BoundSettings = BoundSettings()
    """See [host.bounds]."""
    drift: DriftSettings = DriftSettings()
    """See [host.drift]."""
    delta: DeltaSettings = DeltaSettings()
    """See [host.delta]."""
    retention: RetentionSettings = RetentionSettings()
    """See [host.retention]."""
    load_timeout: Seconds = 30
    """Seconds that a plugin may take to load. One that takes longer is not loaded."""
    read_twice: bool = True
    """Read a listing a second time if nothing else proves that no row was skipped. It costs as many requests again."""
    resume_within: Seconds = 3600
    """Seconds for which an interrupted run may be resumed."""
    runs_at_once: Annotated[int, Field(ge=1, le=64)] = 4
    """Integrations that `discover run --all` runs at the same time."""
    check_timeout: Seconds = 300
    """Seconds for the check of a connection, which `connect` and every run make, too."""
    run_timeout: Seconds = 14_400
    """Seconds after which a run stops reading, and asking for missing rows; the next one resumes."""
    resolve: Mapping[str, Annotated[str, AfterValidator(_endpoint)]] = {}
    """Host name to address and port, as for curl's --connect-to. They are reached without a proxy."""

    def endpoints(self) -> dict[str, Endpoint]:
        return {host: Endpoint.parse(value) for host, value in self.resolve.items()}


class LimitSettings(_Settings):
    """A quota under one path of the provider."""

    requests: Annotated[int, Field(ge=1, le=1_000_000)]
    """Most requests under this path …"""
    per: Seconds
    """… within so many seconds."""


class PluginSettings(_Settings):
    """One allowed plugin."""

    enabled: bool = True
    """False disables the plugin and keeps its settings."""
    distribution: str = ""
    """The distribution it must come from; needed only where two have a plugin of this name."""
    limits: Mapping[str, LimitSettings] = {}
    """Quota by path, instead of the manifest's. A path for which the manifest declares none is refused."""
    address: str = ""
    """The provider's address, by a name that the connector's page lists; empty for the usual one."""
    options: Mapping[str, Any] = {}
    """The connector's own options."""


def limits_of(manifest: Manifest, settings: PluginSettings | None = None) -> tuple[RateLimit, ...]:
    """Return the provider's quotas: those of the manifest, unless plugins.toml replaces them."""
    declared = {limit.path: limit for limit in manifest.limits}
    for path, limit in settings.limits.items() if settings else ():
        declared[path] = RateLimit(path, requests=limit.requests, per=limit.per)
    return tuple(declared.values())


class Settings(_Settings):
    """All settings. Without ``plugins``, only the connectors of this distribution are allowed."""

    host: HostSettings = HostSettings()
    plugins: Mapping[str, PluginSettings] | None = None

    @classmethod
    def load(cls, file: Path | None = None, *, store: Path | None = None) -> "Settings":
        """Read ``file``, or plugins.toml where there is one. ``store`` overrides the path of the database."""
        path = file or Path(DEFAULT_FILE)
        values: dict[str, Any] = {}
        if file or path.exists():
            values = _read(path)
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            raise _explain(path, error, cls) from None
        host = settings.host
        places = {
            "store": store or path.parent / host.store,
            "key_file": path.parent / host.key_file if host.key_file else None,
        }
        return settings.model_copy(update={"host": host.model_copy(update=places)})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist.", hint="Check the path given to --settings.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path} cannot be read: {reason}.") from None


def _explain(path: Path, error: ValidationError, model: type[BaseModel]) -> SettingsError:
    text = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    lines = []
    for one in problems(error, model):
        line = _line_of(text, list(one.place))
        lines.append(f"{f'line {line}: ' if line else ''}{'.'.join(one.place)}: {one.said}")
    return SettingsError(f"{path}: {'; '.join(lines)}.", hint="Every key, with its meaning: discover settings")


def _line_of(text: list[str], keys: list[str]) -> int:
    """Return the line of the deepest of these keys that has a line of its own, or 0."""
    table: list[str] = []
    found = depth = 0
    for number, line in enumerate(text, 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            place = table = _parts(header[1])
        elif key := re.match(r"""\s*([\w.\-"'/]+)\s*=""", line):
            place = [*table, *_parts(key[1])]
        else:
            continue
        shared = min(len(place), len(keys))
        if shared > depth and place[:shared] == keys[:shared]:
            found, depth = number, shared
    return found


def _parts(key: str) -> list[str]:
    return [quoted or bare for quoted, bare in re.findall(r"""["']([^"']*)["']|([^.\s"']+)""", key)]

"""The table [host] and those within it: where things are kept, and the limits of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from connector_core.proxies import OFF, Proxy
from connector_core.settings.table import Endpoint, Seconds, SettingsTable, endpoint

DEFAULT_STORE = "discover.sqlite"


def _proxy(value: str) -> str:
    if value not in {"", OFF} and Proxy.parse(SecretStr(value)).authorization:
        raise ValueError("must not hold credentials: set the environment variable HTTPS_PROXY instead")
    return value


class HttpSettings(SettingsTable):
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


class LossSettings(SettingsTable):
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


class GrowthSettings(SettingsTable):
    """Limits above which creates are held for approval. A first complete reading is applied, however large."""

    times: Annotated[float, Field(ge=1, le=1_000_000)] = 2.0
    """Creates are held if they are more than this many times the rows that were stored …"""
    at_least: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    """… and at least this many …"""
    days: Annotated[int, Field(ge=1, le=3650)] = 7
    """… within this many days. What an operator approved does not count again."""


class BoundSettings(SettingsTable):
    """The most that a run reads of one kind, so that a listing without an end fills no disk."""

    rows: Annotated[int, Field(ge=1)] = 2_000_000
    """Most rows, also of a listing that is read beside the kind. A read that exceeds a bound ends there, is not
    complete, and creates nothing."""
    bytes: Annotated[int, Field(ge=1)] = 2 * 1024**3
    """Most bytes of the rows as they are stored."""
    rejected: Annotated[int, Field(ge=1)] = 10_000
    """Most rows that could not be used. The certificate names each."""


class DriftSettings(SettingsTable):
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


class DeltaSettings(SettingsTable):
    """Settings of `discover run --delta`."""

    overlap: Annotated[float, Field(ge=0, le=604_800)] = 3600
    """Seconds before the last known change: rows that changed within them are read again."""
    full_after: Annotated[float, Field(gt=0, le=365)] = 7
    """Days after which a delta gives way to a full scan, which alone finds every row that is gone."""


class RetentionSettings(SettingsTable):
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


class HostSettings(SettingsTable):
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
    resolve: Mapping[str, Annotated[str, AfterValidator(endpoint)]] = {}
    """Host name to address and port, as for curl's --connect-to. They are reached without a proxy."""

    def endpoints(self) -> dict[str, Endpoint]:
        return {host: Endpoint.parse(value) for host, value in self.resolve.items()}

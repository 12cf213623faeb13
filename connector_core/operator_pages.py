"""A connector's page for operators: the judgements that the command line, the web host and its README share."""

from collections.abc import Iterable
from dataclasses import dataclass

from connector_core.errors import (
    ForbiddenError,
    ProtocolError,
    RejectedCredentialsError,
    ThrottledError,
    UnavailableError,
)
from connector_core.plugins import Entry
from connector_core.sdk.authentication import (
    Authentication,
    AuthorizationCode,
    Basic,
    Bearer,
    ClientCredentials,
    Header,
    in_words,
)
from connector_core.sdk.connector import AnyConnector, Declaration
from connector_core.sdk.manifest import Advice, ConcurrencyLimit, Manifest, RateLimit
from connector_core.settings import limits_of


@dataclass(frozen=True, slots=True)
class KnownError:
    """An error about the provider or the credentials, with its likely causes and what to do."""

    message: str
    code: str
    remedy: str
    causes: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """The causes and the remedy in one text."""
        return Advice(self.message, self.causes, self.remedy).hint


def declared_by(connector: type[AnyConnector] | None) -> list[Declaration]:
    """Return the kinds that a connector discovers; none for a plugin without a usable connector."""
    return list(connector.declarations.values()) if connector else []


def entity_of(declaration: Declaration) -> str:
    """Return the heading of a kind: ``Employees``."""
    return f"{declaration.kind.__name__}s"


def products_of(declarations: Iterable[Declaration]) -> list[str]:
    """Return the products that these kinds serve."""
    return sorted({product for one in declarations for product in one.products})


def limits_in_force(entry: Entry) -> tuple[RateLimit | ConcurrencyLimit, ...]:
    """Return the quotas in force: those of the manifest or of plugins.toml, less what stays free."""
    return limits_of(entry.connector.manifest, entry.settings) if entry.connector else ()


def limits_in_words(entry: Entry) -> list[str]:
    """Return each quota in force in words, and the share that stays free."""
    found = [f"At most {limit_in_words(one)}" for one in limits_in_force(entry)]
    if share := entry.settings.leave_free:
        found.append(f"{share:.0%} of the quota stays free for other tools (leave_free)")
    return found


def limit_in_words(limit: RateLimit | ConcurrencyLimit, quote: str = "") -> str:
    """Return a limit in words: ``15 requests of /people in any 3 s``."""
    path = f" of {quote}{limit.path}{quote}" if limit.path else ""
    match limit:
        case ConcurrencyLimit(at_once=at_once):
            return f"{_counted(at_once)}{path} at once"
        case RateLimit(requests=requests, per=per):
            return f"{_counted(requests)}{path} in any {per:g} s"


def _counted(requests: int) -> str:
    return f"{requests:,} request{'s' if requests > 1 else ''}"


def mechanism(manifest: Manifest) -> str:
    """Return how requests are authenticated, in a word or two for each way."""
    return " or ".join(dict.fromkeys(map(_mechanism, manifest.ways)))


def _mechanism(way: Authentication) -> str:
    match way:
        case Bearer():
            return "Access token"
        case Header():
            return "API key"
        case Basic(password=password):
            return f"User and {password.replace('_', ' ')}" if password else "API key"
        case AuthorizationCode():
            return "Sign-in"
        case ClientCredentials():
            return "Client credentials"


def hosts_in_words(connector: type[AnyConnector]) -> tuple[str, ...]:
    """Return the hosts that the connector may reach. One that the operator names or chooses is told by its field."""
    form = connector.credentials_type.form()
    choices = " and ".join(one.title for one in form if one.choices)
    named = {f"{{{one.name}}}": f"the host of the {one.title}" for one in form}
    computed = f"the hosts of the chosen {choices}" if choices else "hosts that follow from the credentials"
    found = [named.get(host, computed if host.startswith("{") else host) for host in connector.manifest.hosts]
    return tuple(dict.fromkeys(found))


def fields_of_ways(connector: type[AnyConnector]) -> frozenset[str]:
    """Return the fields of which the operator fills in some, if there is more than one way to authenticate."""
    ways = connector.manifest.ways
    return frozenset(name for way in ways for name in way.fields) if len(ways) > 1 else frozenset()


def ways_in_words(connector: type[AnyConnector]) -> str:
    """Return which fields the operator fills in, by their titles, if there is more than one way; else nothing."""
    titles = {one.name: one.title for one in connector.credentials_type.form()}
    ways = connector.manifest.ways
    return f"Fill in {in_words(ways, titles)}." if len(ways) > 1 else ""


def known_errors(connector: type[AnyConnector]) -> tuple[KnownError, ...]:
    """Return the errors about the provider and the credentials, and what to do about each."""
    manifest = connector.manifest
    rejected, title = manifest.rejected, manifest.title
    wait = f"Nothing: the run waits. If {title} keeps refusing, the run ends as deferred: run it again later."
    retry = "Nothing: the request is retried. If the error lasts, the kind is incomplete, and none of it is removed."
    inspect_network = f"Check that no proxy or firewall intercepts requests to {title}. If none does, report the error."
    throttled = " or ".join(
        # Servers in trouble answer 5xx too: only the header tells that there were too many requests.
        f"{one} with a Retry-After" if one >= 500 else str(one)
        for one in sorted(manifest.throttled_by)
    )
    permissions = "; ".join(f"{entity_of(one)}: {one.permission}" for one in declared_by(connector))
    return (
        KnownError(rejected.message, RejectedCredentialsError.code, rejected.remedy, rejected.causes),
        KnownError(
            f"… {title} answered 403, forbidden", ForbiddenError.code, f"Grant the missing permission. {permissions}"
        ),
        KnownError(f"… {title} answered {throttled}, too many requests", ThrottledError.code, wait),
        KnownError(
            f"… {title} answered 5xx, did not answer in time, or broke the connection", UnavailableError.code, retry
        ),
        KnownError("… is not as the API promises, or not the API", ProtocolError.code, inspect_network),
    )

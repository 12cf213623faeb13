"""The form that connects an integration: its fields, their problems, and the review of a check."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from connector_core.discovery.connector_errors import validate_some
from connector_core.discovery.tenant import refuse_other_tenant
from connector_core.errors import (
    ConnectorCoreError,
    CredentialsError,
    InvalidCredentialsError,
    OtherTenantError,
    RejectedCredentialsError,
    SettingsError,
)
from connector_core.host import Host
from connector_core.names import check_name, valid_name
from connector_core.outcomes import CheckReport, Probe
from connector_core.sdk.authentication import chosen, refusal
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import FormField, company_in
from connector_core.store import Integration

NAME = "name"
"""The key of the integration's own name among problems. Fields of the connector have their prefix."""
PREFIX = "field."

Fields = Mapping[str, str | SecretStr]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A problem of one field: what is wrong, what to do, and the value that was probably meant."""

    key: str
    """``name``, or ``field.domain``: as the form names its inputs."""
    message: str
    hint: str = ""
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """A form that was sent. Secrets that were kept on the server are among the fields."""

    name: str
    fields: Fields = field(repr=False)


def key_of(field_name: str) -> str:
    """Return the name of a field's input."""
    return f"{PREFIX}{field_name}"


def typed_in(connector: type[AnyConnector], posted: Mapping[str, str], *, name: str = "", kept: Fields) -> Typed:
    """Return what was typed. A secret that was left empty is the kept one; a missing name is made of the company's."""
    fields: dict[str, str | SecretStr] = {}
    for one in connector.credentials_type.form():
        value = posted.get(key_of(one.name), "")
        if one.secret and value.strip():
            # Copying a token often brings a space along, which no header may have.
            fields[one.name] = SecretStr(value.strip())
        elif one.secret and one.name in kept:
            fields[one.name] = kept[one.name]
        elif value and not one.secret:
            fields[one.name] = value
    chosen = name or posted.get(NAME, "").strip() or suggested_name(connector, fields)
    return Typed(chosen, fields)


def suggested_name(connector: type[AnyConnector], fields: Fields) -> str:
    """Return a name for an integration: that of the company in its domain, or else the connector's."""
    return valid_name(company_in(connector.credentials_type, fields)) or connector.manifest.name


def public_fields(connector: type[AnyConnector], fields: Fields) -> dict[str, str]:
    """Return the fields that may be sent to a browser."""
    secret = {one.name for one in connector.credentials_type.form() if one.secret}
    return {name: value for name, value in fields.items() if name not in secret and not isinstance(value, SecretStr)}


def secret_fields(fields: Fields) -> dict[str, SecretStr]:
    """Return the fields that never are."""
    return {name: value for name, value in fields.items() if isinstance(value, SecretStr)}


# ---- before the provider is asked


def problems_in(connector: type[AnyConnector], typed: Typed) -> list[FieldProblem]:
    """Return the problems of a form's fields, each beside its field. No request is made."""
    found = [problem for problem in [name_problem(typed.name)] if problem]
    for one in connector.credentials_type.form():
        if one.name in typed.fields:
            problem = field_problem(connector, one, typed.fields[one.name])
        else:
            problem = FieldProblem(key_of(one.name), "Fill this in.") if one.required else None
        found.extend([problem] if problem else [])
    ways = connector.manifest.ways
    if len(ways) > 1 and chosen(ways, typed.fields) is None:
        titles = {one.name: one.title for one in connector.credentials_type.form()}
        said, wrong = refusal(ways, typed.fields, titles)
        found += [FieldProblem(key_of(name), said) for name in wrong]
    return found


def name_problem(name: str) -> FieldProblem | None:
    """Return why this cannot be the name of an integration, or None."""
    try:
        check_name(name)
    except SettingsError as error:
        return FieldProblem(NAME, error.message, error.hint, valid_name(name))
    return None


def field_problem(connector: type[AnyConnector], one: FormField, value: str | SecretStr) -> FieldProblem | None:
    """Return what is wrong with the value of one field, or None."""
    try:
        validate_some(connector, {one.name: value})
    except InvalidCredentialsError as error:
        return _beside(key_of(one.name), one.name, error, error.suggestion)
    return None


async def taken_problem(host: Host, connector: str, name: str) -> FieldProblem | None:
    """Return why a new integration cannot have this name, which another one has, or None."""
    existing = await existing_integration(host, name)
    if existing is None:
        return None
    if existing.connector != connector:
        return FieldProblem(
            NAME, f"There is an integration {name} already, of the connector {existing.connector}.", "Type another."
        )
    return FieldProblem(NAME, f"{name} is connected already.", "Type another name, or reconnect that integration.")


async def existing_integration(host: Host, name: str) -> Integration | None:
    """Return the integration of this name, or None."""
    return next((one for one in await host.integrations() if one.name == name), None)


# ---- after it was asked


def problem_beside(connector: type[AnyConnector], error: ConnectorCoreError) -> FieldProblem | None:
    """Return an error of a check as a problem of the field that it is about; None if it is about none."""
    form = {one.name: one for one in connector.credentials_type.form()}
    if isinstance(error, CredentialsError) and error.field in form:
        suggestion = error.suggestion if isinstance(error, InvalidCredentialsError) else ""
        return _beside(key_of(error.field), error.field, error, suggestion)
    secrets = [one.name for one in form.values() if one.secret]
    used = {name for way in connector.manifest.ways for name in way.fields}
    if isinstance(error, RejectedCredentialsError) and len(secrets) == len(used) == 1:
        # The only thing that can be wrong.
        return _beside(key_of(secrets[0]), secrets[0], error)
    return None


def _beside(key: str, name: str, error: ConnectorCoreError, suggestion: str = "") -> FieldProblem:
    said = error.message.removeprefix(f"{name}: ")
    return FieldProblem(key, said[:1].upper() + said[1:], error.hint, suggestion)


def may_keep(error: ConnectorCoreError, problem: FieldProblem | None, connector: type[AnyConnector]) -> bool:
    """Return True if the secrets of a form may be right, so that they need not be typed again after this error."""
    if isinstance(error, RejectedCredentialsError) and problem is None:
        return False
    return problem is None or problem.key not in {
        key_of(one.name) for one in connector.credentials_type.form() if one.secret
    }


@dataclass(frozen=True, slots=True)
class Review:
    """The outcome of a check, to be saved or changed."""

    report: CheckReport
    existing: Integration | None
    moved: str
    """Why the integration would stand for another company from now on; empty if it would not."""

    @property
    def readable(self) -> bool:
        """True if at least one kind may be read: else there is nothing to save."""
        return any(one.ok for one in self.report.probes)

    @property
    def in_words(self) -> str:
        """The outcome in one sentence."""
        if self.report.ok and not any(one.unread for one in self.report.probes):
            return "Everything may be read."
        if self.report.ok:
            return "Every kind may be read, some of them in part."
        return "Some kinds may not be read." if self.readable else "The connection works, but nothing may be read."


def review(report: CheckReport, existing: Integration | None) -> Review:
    """Return the review of a check; ``existing`` is the integration whose credentials would be replaced."""
    moved = ""
    if existing:
        try:
            refuse_other_tenant(report.account, existing.account, existing.name)
        except OtherTenantError as error:
            moved = error.message
    return Review(report, existing, moved)


def permission_in_words(probe: Probe) -> tuple[str, str]:
    """Return the permission to read a kind in words, and its tone."""
    if not probe.ok:
        return "May not be read", "bad"
    return ("May be read in part", "note") if probe.unread else ("May be read", "good")


def by_field(problems: Iterable[FieldProblem]) -> dict[str, FieldProblem]:
    """Return the first problem of each field."""
    found: dict[str, FieldProblem] = {}
    for one in problems:
        found.setdefault(one.key, one)
    return found

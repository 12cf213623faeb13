"""Whose rows were read: those of the company whose rows are stored, or another's. Plain functions of data."""

from collections.abc import Iterable

from connector_core.discovery.results import Evidence
from connector_core.errors import OtherTenantError
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Account

AT_LEAST = 3
"""Rows from which on a comparison says something."""


def refuse_other_tenant(told: Account, stored: Account, name: str) -> None:
    """Raise OtherTenantError if an integration's new credentials are those of another company than before."""
    if _differ(told, stored):
        raise OtherTenantError(
            f"These credentials are those of {told.tenant}; {name} holds the people of {stored.tenant}.",
            hint="Use another name. If the company itself has moved, connect with --change-tenant.",
        )


def judge_tenant(told: Account, stored: Account, read: Iterable[Evidence]) -> Reason | None:
    """Return why the rows seem to be another company's; None where they do not.

    Args:
        told: The account that the check of this run found.
        stored: The account that was found when the integration was connected.
        read: What this run has read. A provider may not tell whose account it is, and ids of two companies may be
            the same: so most rows must have the id of a stored one, and its name or e-mail.
    """
    if _differ(told, stored):
        return Reason(Code.OTHER_TENANT, tenant=told.tenant, stored=stored.tenant)
    compared = [one for one in read if one.recognised is not None]
    rows = sum([min(one.comparison.stored, one.comparison.staged) for one in compared])
    recognised = sum([one.recognised or 0 for one in compared])
    if rows < AT_LEAST or 2 * recognised >= rows:
        return None
    return Reason(Code.UNRECOGNISED, recognised=recognised, rows=rows)


def _differ(told: Account, stored: Account) -> bool:
    return bool(told.tenant and stored.tenant) and told.tenant != stored.tenant

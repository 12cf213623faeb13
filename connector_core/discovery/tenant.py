"""Judgement of the company whose rows were read: the stored one, or another. Plain functions of data."""

from collections.abc import Sequence

from connector_core.discovery.results import Evidence
from connector_core.errors import OtherTenantError
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Account

STRANGERS = 3
"""Rows with the id of a stored one and neither its name nor its e-mail, from which on they are no coincidence."""


def refuse_other_tenant(told: Account, stored: Account, name: str) -> None:
    """Raise OtherTenantError if an integration's new credentials are those of another company than before."""
    if _differ(told, stored):
        raise OtherTenantError(
            f"These credentials are those of {told.tenant}; {name} holds the people of {stored.tenant}.",
            hint="Use another name. If the company itself has moved, connect with --change-tenant.",
        )


def judge_tenant(told: Account, stored: Account, read: Sequence[Evidence]) -> Reason | None:
    """Return why the rows seem to be another company's; None where they do not.

    Args:
        told: The account that the check of this run found.
        stored: The account that was found when the integration was connected.
        read: What this run has read. A provider may not tell whose account it is, and ids of two companies may be
            the same: so rows must have the id of a stored one, and its name or e-mail. Where people were read they
            decide: a few departments may all be renamed.
    """
    if _differ(told, stored):
        return Reason(Code.OTHER_TENANT, tenant=told.tenant, stored=stored.tenant)
    people = [one for one in read if "email" in one.result.declaration.kind.identity]
    return next((found for one in people or read if (found := _unrecognised(one))), None)


def _unrecognised(one: Evidence) -> Reason | None:
    if one.recognised is None:
        return None
    comparison, is_delta = one.comparison, one.result.delta is not None
    known_ids = comparison.staged - comparison.creates
    strangers = known_ids - one.recognised
    if 2 * strangers > known_ids and (strangers >= STRANGERS or (strangers == comparison.stored and not is_delta)):
        return Reason(Code.UNRECOGNISED, recognised=one.recognised, rows=known_ids)
    rows = min(comparison.stored, comparison.staged)
    # A delta may well read new people only.
    if 2 * one.recognised < rows and not is_delta:
        return Reason(Code.UNRECOGNISED, recognised=one.recognised, rows=rows)
    return None


def _differ(told: Account, stored: Account) -> bool:
    return bool(told.tenant and stored.tenant) and told.tenant != stored.tenant

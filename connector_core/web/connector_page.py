"""A connector's page in the web host: how to set it up here."""

from connector_core.operator_pages import declared_by, entity_of, fields_of_ways, ways_in_words
from connector_core.sdk.connector import AnyConnector


def setup_here(connector: type[AnyConnector]) -> list[str]:
    """Return the operator's steps in the web host."""
    manifest, ways = connector.manifest, ways_in_words(connector)
    alternative = fields_of_ways(connector)
    form = [one for one in connector.credentials_type.form() if one.name not in alternative]
    needed = [one.title for one in form if one.required or one.choices]
    steps = [
        "Choose Add integration.",
        f"Fill in {_listed(['a name', *needed])}.{f' {ways}' if ways else ''}",
        f"Choose Connect. {manifest.title} is asked, and each kind's permission is shown. Nothing is saved yet.",
        "Choose Save. The secrets are stored encrypted, and are never shown again.",
        "On the integration's page, choose Run now, or set a schedule. What is doubtful waits for your decision.",
    ]
    if changing := [entity_of(one) for one in declared_by(connector) if one.delta]:
        steps.append(f"Between full runs, a delta reads only what has changed in {_listed(changing)}.")
    if lifetime := manifest.token_lifetime:
        steps.append(
            f"Reconnect before the credentials are {lifetime.days} days old. Name, data and schedule are kept."
        )
    return steps


def _listed(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last

"""The rules of the kit: what a connector must keep, how each is checked, and the tier that it belongs to."""

from dataclasses import dataclass
from enum import IntEnum


class Tier(IntEnum):
    """How far a connector is to be trusted. A tier is reached when all its rules, and all below it, are kept."""

    NONE = 0
    BRONZE = 1
    """It reads what it declares, keeps secrets, and tells the operator what to do."""
    SILVER = 2
    """Whatever the provider does, nobody is lost, removed or emptied."""
    GOLD = 3
    """It is polite, resumes, and can be stopped at any moment."""
    PLATINUM = 4
    """It costs no more as the organisation grows."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Rule:
    """``name`` is SUITE.WORD. ``promise`` is what is kept; ``how`` is how the kit sees it."""

    name: str
    tier: Tier
    promise: str
    how: str

    @property
    def suite(self) -> str:
        return self.name.partition(".")[0]


def _rules(*rows: tuple[str, Tier, str, str]) -> dict[str, Rule]:
    return {name: Rule(name, tier, promise, how) for name, tier, promise, how in rows}


RULES = _rules(
    (
        "declaration.form",
        Tier.BRONZE,
        "Every field of the form has a title and a help text, and every secret is a secret.",
        "The form is read; a field whose name speaks of a token, key, secret or password must be one.",
    ),
    (
        "declaration.guide",
        Tier.BRONZE,
        "The set-up at the provider is told, and every kind has a description, a resource and a permission.",
        "The manifest is read.",
    ),
    (
        "declaration.page",
        Tier.SILVER,
        "The generated parts of the connector's README are there and current.",
        "They are made anew and compared.",
    ),
    (
        "declaration.witness",
        Tier.GOLD,
        "Every kind that one can ask for has a second witness, so that who is gone is removed after one scan.",
        "Each declaration names a @witnesses method, or its pages are seen to be derived from another listing's rows.",
    ),
    (
        "reading.whole",
        Tier.BRONZE,
        "A quiet run ends complete, with exactly the rows that there are, of every kind that is declared.",
        "The stored ids are compared with the simulator's.",
    ),
    (
        "reading.keys",
        Tier.BRONZE,
        "Ids are the provider's own: none is missing, doubled or of somebody else, and none changes.",
        "Two runs in a row: the same ids, nothing rejected, nothing to change.",
    ),
    (
        "reading.refusal",
        Tier.BRONZE,
        "Wrong credentials are told as such, with what to do.",
        "Every secret is mistyped in turn; the check must raise RejectedCredentialsError with a hint.",
    ),
    (
        "reading.follows",
        Tier.SILVER,
        "What changes at the provider changes here; who is erased there is removed here.",
        "Time passes: something must be updated, and two runs later the store equals a fresh one, field by field.",
    ),
    (
        "reading.links",
        Tier.SILVER,
        "A link leads to something that is stored, or is reported as dangling.",
        "Every link of every stored entity is followed.",
    ),
    (
        "reading.fill",
        Tier.GOLD,
        "Every field that a kind is said to provide is filled for somebody.",
        "The fill rates of a quiet run.",
    ),
    (
        "secrecy.token",
        Tier.BRONZE,
        "A secret is in no log, output, error, report or file.",
        "Quiet and broken runs; logs as they are before the host hides anything. Issued tokens and encoded pairs too.",
    ),
    (
        "secrecy.people",
        Tier.BRONZE,
        "Nothing private outlives the parser: no undeclared key is kept, logged, stored or told.",
        "The same runs, and every row that the connector was handed, searched for the simulator's private values.",
    ),
    (
        "faults.certificate",
        Tier.SILVER,
        "No fault makes an incomplete reading look complete.",
        "Whenever a certificate says complete, all who were there throughout have been read.",
    ),
    (
        "faults.removal",
        Tier.SILVER,
        "No fault removes anybody who is still there.",
        "The store after every round, against the organisation.",
    ),
    (
        "faults.emptied",
        Tier.SILVER,
        "No fault empties a field.",
        "Every field of every entity after a round, against the same run without the fault.",
    ),
    (
        "faults.lost",
        Tier.SILVER,
        "After the fault nobody is missing.",
        "A round that did not end complete is followed by a quiet run, which must find everybody.",
    ),
    (
        "faults.said",
        Tier.SILVER,
        "An error of the provider reaches the operator: it is never swallowed.",
        "Each error that the client raised into the connector is in the outcome, or is logged by its code.",
    ),
    (
        "faults.shape",
        Tier.SILVER,
        "An answer of another shape is refused, never taken for an empty one.",
        "Listings that are null, renamed or cut off must be asked for again, or be said to be malformed.",
    ),
    (
        "faults.bug",
        Tier.SILVER,
        "No answer makes the connector fail with an exception of its own.",
        "No round ends with a DiscoveryError.",
    ),
    (
        "faults.clamped",
        Tier.SILVER,
        "A server that sends smaller pages than it was asked for loses nobody.",
        "A run against a server whose pages are small from the start ends complete.",
    ),
    (
        "interruption.resumed",
        Tier.GOLD,
        "A run that is cut off after any page, and the one after it, come to what an undisturbed run comes to.",
        "Cut at every checkpoint; the stores are compared, field by field.",
    ),
    (
        "interruption.cancelled",
        Tier.GOLD,
        "The same after a cancellation at any await; and it ends at once.",
        "Cancelled at seeded random turns of the event loop.",
    ),
    (
        "interruption.clean",
        Tier.GOLD,
        "Nothing is left behind: no task, no connection, no lock.",
        "Looked for after every interruption.",
    ),
    (
        "manners.client",
        Tier.SILVER,
        "It talks to the provider through the client that it is given, and to nobody else.",
        "Names resolved, sockets connected, processes started; requests arrived against requests counted.",
    ),
    (
        "manners.files",
        Tier.SILVER,
        "It reads and writes no file.",
        "Files opened while its code is on the stack.",
    ),
    (
        "manners.waits",
        Tier.GOLD,
        "It neither sleeps nor asks again by itself: waiting and retrying are the host's.",
        "Sleeps with its code on the stack; and a listing that failed is not asked for twice by one reading.",
    ),
    (
        "manners.quota",
        Tier.GOLD,
        "The provider's quota is kept.",
        "By a clock that jumps: no window holds more than a declared limit allows; a Retry-After is waited out.",
    ),
    (
        "manners.page_size",
        Tier.GOLD,
        "It asks for no larger page than the provider sends.",
        "Every page but the last holds as many rows as were asked for.",
    ),
    (
        "scale.requests",
        Tier.PLATINUM,
        "Requests grow with the pages, not with the people.",
        "Runs over organisations of growing size: requests = pages + a constant.",
    ),
    (
        "scale.memory",
        Tier.PLATINUM,
        "Memory does not grow with what was read.",
        "Memory traced over two runs: at most 400 bytes a person more, which are the host's own.",
    ),
    (
        "scale.blocking",
        Tier.PLATINUM,
        "The event loop is never blocked for long.",
        "The longest turn that the connector took between being handed a page and giving it on: at most 0.1 s.",
    ),
)
SUITES = tuple(dict.fromkeys(rule.suite for rule in RULES.values()))

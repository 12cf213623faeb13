"""The rules of the kit: what each promises, how it is checked, and the tier that it belongs to."""

from connector_core.testing.kit.auth_rules import AUTH_RULES
from connector_core.testing.kit.tiers import Rule, Tier, rules

__all__ = ["RULES", "SUITES", "Rule", "Tier"]

_RULES = rules(
    (
        "declaration.form",
        Tier.BRONZE,
        "Every field of the credentials form has a title and a help text, and every secret is a SecretStr.",
        "Reads the form. A field whose name contains token, key, secret or password must be a secret.",
    ),
    (
        "declaration.guide",
        Tier.BRONZE,
        "The manifest explains the set-up at the provider; every kind has a description, a resource and a permission.",
        "Reads the manifest.",
    ),
    (
        "declaration.readme",
        Tier.SILVER,
        "The connector's README has all generated parts, and they are up to date.",
        "Regenerates them and compares.",
    ),
    (
        "declaration.witness",
        Tier.GOLD,
        "Every kind has a witness, so that a deleted row is removed after one scan.",
        "Each declaration must name a @witnesses or @fetches method, unless its pages derive from another listing.",
    ),
    (
        "reading.complete",
        Tier.BRONZE,
        "A fault-free run is complete and finds exactly the rows that exist, for every declared kind.",
        "Compares the stored ids with the simulator's.",
    ),
    (
        "reading.ids",
        Tier.BRONZE,
        "Ids are the provider's own: none is missing, duplicated or another row's, and none changes.",
        "Two runs in a row: the same ids, no rejected rows, no changes.",
    ),
    (
        "reading.refusal",
        Tier.BRONZE,
        "Wrong credentials are reported as such, with advice.",
        "Mistypes each secret in turn; connecting must raise RejectedCredentialsError with a hint.",
    ),
    (
        "reading.follows",
        Tier.SILVER,
        "The store follows the provider: changed entities are updated, deleted ones are removed.",
        "Lets time pass: some entity must be updated, and two runs later the store equals a new one in every field.",
    ),
    (
        "reading.throughout",
        Tier.SILVER,
        "A reading is complete only if every row that was listed throughout has been read, in a first run too.",
        "From an empty store, fresh and interrupted: people leave, join and change places between two responses.",
    ),
    (
        "reading.witness",
        Tier.SILVER,
        "A witness knows a row that was just read, denies one that does not exist, and asks otherwise than by a list.",
        "Asks each witness for both, and compares the paths that it requests with those of the reading.",
    ),
    (
        "reading.single",
        Tier.SILVER,
        "A row that is requested by its id becomes the same entity as in the listing.",
        "Requests some rows that were just read through the @fetches method, and one that does not exist.",
    ),
    (
        "reading.leavers",
        Tier.SILVER,
        "A kind whose inactive rows stay listed says so, so that rows which vanish are held.",
        "Lets time pass. If a stored entity is inactive then, the kind must declare lists_inactive.",
    ),
    (
        "reading.tenant",
        Tier.SILVER,
        "Another company behind the same credentials changes nothing that is stored.",
        "Serves other people at the same address, and compares the store before and after a run.",
    ),
    (
        "reading.links",
        Tier.SILVER,
        "Every link leads to a stored entity, or is reported as dangling.",
        "Follows each link of each stored entity.",
    ),
    (
        "reading.texts",
        Tier.SILVER,
        "No stored text is blank or padded with spaces.",
        "Checks each text of each stored entity; the simulators send some that are blank or padded.",
    ),
    (
        "reading.fill",
        Tier.GOLD,
        "Every field that a kind provides is filled for at least one entity.",
        "Reads the fill rates of a fault-free run.",
    ),
    (
        "values.spelling",
        Tier.SILVER,
        "However the provider spells a value, what is stored is the same.",
        "Respells all answers: numbers as text, empty lists for objects, dates that mean none, look-alikes, and so on.",
    ),
    (
        "values.unreadable",
        Tier.SILVER,
        "A value that cannot be read empties no field and costs no row; a row that cannot is rejected by its id.",
        "Gives one value of each row a wrong type, then all values of one row.",
    ),
    (
        "secrecy.token",
        Tier.BRONZE,
        "No secret appears in a log, output, error, report or file.",
        "Runs with and without faults; reads logs before redaction. Includes issued tokens and encoded credentials.",
    ),
    (
        "secrecy.people",
        Tier.BRONZE,
        "No private value outlives the parser: it is not kept, logged, stored or reported.",
        "Searches the same runs, and every row the connector receives, for the simulator's private values.",
    ),
    (
        "faults.certificate",
        Tier.SILVER,
        "No fault makes an incomplete reading look complete.",
        "If a certificate is complete, every row that existed throughout the run must have been read.",
    ),
    (
        "faults.removal",
        Tier.SILVER,
        "No fault removes an entity that still exists at the provider.",
        "Compares the store after each run with the simulator's ids.",
    ),
    (
        "faults.emptied",
        Tier.SILVER,
        "No fault empties a field.",
        "Compares every field with the same run without the fault. The host may have kept none that came empty.",
    ),
    (
        "faults.lost",
        Tier.SILVER,
        "No entity is missing once the fault is over.",
        "Follows each incomplete run with a fault-free one, which must find every entity.",
    ),
    (
        "faults.reported",
        Tier.SILVER,
        "Every provider error reaches the operator; none is swallowed.",
        "Each error raised into the connector must be in the run's report or error, or be logged with its code.",
    ),
    (
        "faults.shape",
        Tier.SILVER,
        "An answer of the wrong shape is rejected, never taken for an empty one.",
        "Sends listings that are null or renamed, at every try; the client must raise a ProtocolError.",
    ),
    (
        "faults.bad_text",
        Tier.SILVER,
        "A text that is not valid JSON or Unicode costs its own row at most, and none where its key is not read.",
        "Spoils texts of the first rows of each page: all others must be stored, and those stored or rejected by id.",
    ),
    (
        "faults.bug",
        Tier.SILVER,
        "No answer makes the connector raise an exception of its own.",
        "No run may end with a DiscoveryError.",
    ),
    (
        "faults.clamped",
        Tier.SILVER,
        "No entity is lost if the provider sends smaller pages than requested.",
        "A run with small pages from the start must be complete.",
    ),
    (
        "interruption.resumed",
        Tier.GOLD,
        "A run that is cancelled after any page, followed by another, ends with the store of an undisturbed run.",
        "Cancels at every checkpoint, and compares the stores in every field. Cursors are expired meanwhile, too.",
    ),
    (
        "interruption.cancelled",
        Tier.GOLD,
        "The same holds for a cancellation at any await, and the run ends at once.",
        "Cancels at seeded random iterations of the event loop.",
    ),
    (
        "interruption.clean",
        Tier.GOLD,
        "A cancelled run leaves no task, connection or lock behind.",
        "Looks for tasks and open sessions after each cancellation; the next run must find the store unlocked.",
    ),
    (
        "deltas.follows",
        Tier.SILVER,
        "A delta by token leaves the store of a full scan, in every field.",
        "Lets time pass after a full scan, runs a delta, which must catch up, and compares with a new store.",
    ),
    (
        "deltas.removed",
        Tier.SILVER,
        "A delta by token removes the rows that the provider reports as removed.",
        "The same run: no row may be left that was erased.",
    ),
    (
        "deltas.resync",
        Tier.SILVER,
        "A token that has expired costs a full reading. It removes nothing, and brings a token for the next delta.",
        "Calls the simulator's expire_tokens(), and runs two deltas.",
    ),
    (
        "deltas.interrupted",
        Tier.GOLD,
        "A delta by token that is cancelled after any page, followed by another, ends with the store of a whole one.",
        "Cancels after every page of a delta, and compares the stores in every field.",
    ),
    (
        "manners.client",
        Tier.SILVER,
        "The connector reaches the provider through the host's client only, and nothing else.",
        "Watches host names, sockets and processes, and compares requests received with requests counted.",
    ),
    (
        "manners.files",
        Tier.SILVER,
        "The connector reads and writes no files.",
        "Watches for files opened while its code is on the stack.",
    ),
    (
        "manners.waits",
        Tier.GOLD,
        "The connector neither sleeps nor retries: both are the host's.",
        "Watches for sleeps while its code is on the stack; no method may request a failed path again.",
    ),
    (
        "manners.quota",
        Tier.GOLD,
        "The provider's quota is respected.",
        "No window, and no moment, may exceed a declared limit. Every Retry-After and reset is waited out.",
    ),
    (
        "manners.throttled",
        Tier.GOLD,
        "A throttle costs time only: the run waits, and ends complete.",
        "Throttles a request: for seconds, by a clock that is an hour off, for none, and until a moment that is past.",
    ),
    (
        "manners.deadline",
        Tier.GOLD,
        "The check and the run end when their time is over.",
        "Lets every request stall, at first or later. The run must end within a second of its limit.",
    ),
    (
        "manners.page_size",
        Tier.GOLD,
        "The connector requests no larger pages than the provider sends.",
        "Every page but the last must have as many rows as requested.",
    ),
    (
        "scale.requests",
        Tier.PLATINUM,
        "The number of requests grows with the pages, not with the people.",
        "Runs over organisations of growing size: requests = pages + a constant, once more for a second reading.",
    ),
    (
        "scale.memory",
        Tier.PLATINUM,
        "Memory does not grow with the rows read.",
        "Traces memory at two sizes: at most 400 bytes more per person, which are the host's own.",
    ),
    (
        "scale.blocking",
        Tier.PLATINUM,
        "The event loop is never blocked for long.",
        "Measures the longest step between receiving a page and yielding it: at most 0.1 s.",
    ),
)
RULES = _RULES | AUTH_RULES
SUITES = tuple(dict.fromkeys(rule.suite for rule in RULES.values()))

"""The results of reading one kind: everything that the judgements after it need."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector_core.beginnings import Began
from connector_core.discovery.changes import Testimony
from connector_core.discovery.delta import ChangeCursor
from connector_core.discovery.drift import ClearedValues, DifferenceCounts
from connector_core.discovery.profile import Profile
from connector_core.discovery.tally import Tally
from connector_core.discovery.token_delta import TokenCursor
from connector_core.reasons import Code, Reason
from connector_core.sdk.connector import Declaration
from connector_core.store import LastScan, Reading
from connector_core.store.comparison import Comparison, Missing


@dataclass(frozen=True, slots=True)
class DeltaStart:
    """The start of a delta of one kind, and its way through the changes."""

    scan: LastScan
    cursor: ChangeCursor | TokenCursor

    @property
    def token(self) -> str | None:
        """The token that it starts from; None for one by change times."""
        return self.scan.token if isinstance(self.cursor, TokenCursor) else None

    @property
    def removed(self) -> tuple[str, ...]:
        """The ids of rows that it reports as removed."""
        return self.cursor.removed if isinstance(self.cursor, TokenCursor) else ()


@dataclass(frozen=True, slots=True)
class ReadResult:
    """One reading of one kind."""

    declaration: Declaration
    reading: Reading
    """The staged rows."""
    tally: Tally
    profile: Profile
    rule: str
    """The connector's word for what decides which rows are of this kind."""
    problems: tuple[Reason, ...] = ()
    """Reasons why it ended early."""
    began: Began = Began.FRESH
    first_page: int = 1
    delta: DeltaStart | None = None
    """None for a full reading."""

    @property
    def bounded(self) -> bool:
        """True if a bound has ended it."""
        return any(one.code is Code.BOUND_REACHED for one in self.problems)

    @property
    def resumable(self) -> bool:
        """True if the next run may go on behind it: it ended early, and not because there was too much."""
        return not self.tally.ended and not self.bounded

    @property
    def partial(self) -> bool:
        """True if a row that came may lack the fields that have not changed."""
        return self.delta is not None and self.delta.token is not None

    @property
    def kind(self) -> str:
        return self.declaration.kind.__name__


@dataclass(frozen=True, slots=True)
class Evidence:
    """A reading beside what is stored, with the second witness's answers."""

    result: ReadResult
    acceptance_key: str
    comparison: Comparison
    differences: DifferenceCounts
    missing: tuple[Missing, ...] = ()
    """Stored rows that a complete scan lacks; empty where nothing may be removed."""
    testimony: Mapping[str, Testimony] = field(default_factory=dict)
    """The provider's answers about missing rows, by id."""
    named: frozenset[str] = frozenset()
    """Missing rows that other rows name, as their manager or department."""
    cleared: Mapping[str, ClearedValues] = field(default_factory=dict)
    """For fields that came empty where a value is stored, often enough to be a warning sign."""
    emptied_before: int = 0
    """Rows that came nearly empty within the window already."""
    dangling: Mapping[str, int] = field(default_factory=dict)
    """Links whose target is neither stored nor read, per field."""

    @property
    def acceptance_changed(self) -> bool:
        """True if the token, the account or the rule is not that of the last accepted reading.

        Rows that only incomplete runs brought have no accepted key: nothing vouches for their loss either.
        """
        return self.comparison.accepted_key != self.acceptance_key and self.comparison.stored > 0

    @property
    def recognised(self) -> int | None:
        """The rows read that are those of a stored entity, by more than their id; None if nothing is stored."""
        found = self.comparison
        if not found.stored or not found.staged:
            return None
        return found.staged - found.creates - found.differing + self.differences.alike

    @property
    def present(self) -> tuple[str, ...]:
        """Rows that the provider still has, though its listing lacked them: the listing was not complete."""
        return tuple([one for one, said in self.testimony.items() if said is Testimony.PRESENT])

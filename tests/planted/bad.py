"""Planted connectors, each with one mistake, and the rules of the kit that it breaks."""

from collections.abc import Mapping

from connector_core.sdk.connector import AnyConnector
from planted.misconduct import (
    Blocks,
    FetchesRowsOneByOne,
    HasNoHelpText,
    HasNoWitness,
    IgnoresCancellation,
    KeepsEveryPage,
    KeepsTheProvidersWords,
    LogsATraceback,
    LogsTheToken,
    OpensItsOwnSession,
    ParsesPrivateFields,
    RequestsLargePages,
    RetriesByItself,
    Sleeps,
    WritesAFile,
)
from planted.misreading import (
    AcceptsAMissingList,
    AsksTheListingAgain,
    AssumesRows,
    CachesRows,
    DeniesEveryRow,
    GivesUpOnARejectedRow,
    HidesThatLeaversStay,
    IgnoresTheTotal,
    MakesEverybodyAlike,
    NumbersItsRows,
    PromisesAField,
    StopsOnAShortPage,
    SwallowsErrors,
    TakesTheHireDate,
)
from planted.misvaluing import (
    ComparesWordsExactly,
    EmptiesAbsentFields,
    KeepsUntidyTexts,
    RequiresAName,
    TakesAbsentForUnknown,
)

PLANTED: Mapping[type[AnyConnector], tuple[str, ...]] = {
    IgnoresTheTotal: ("reading.throughout",),
    TakesTheHireDate: ("reading.throughout",),
    AcceptsAMissingList: ("faults.shape",),
    GivesUpOnARejectedRow: ("faults.bad_text",),
    SwallowsErrors: ("faults.reported",),
    StopsOnAShortPage: ("faults.clamped", "faults.lost", "interruption.resumed", "interruption.cancelled"),
    RequestsLargePages: ("manners.page_size",),
    ParsesPrivateFields: ("secrecy.people",),
    LogsTheToken: ("secrecy.token",),
    LogsATraceback: ("secrecy.token",),
    KeepsTheProvidersWords: ("secrecy.people", "faults.reported"),
    OpensItsOwnSession: ("manners.client",),
    Sleeps: ("manners.waits",),
    IgnoresCancellation: ("manners.deadline", "interruption.cancelled"),
    RetriesByItself: ("manners.waits", "faults.reported"),
    Blocks: ("scale.blocking",),
    WritesAFile: ("manners.files",),
    EmptiesAbsentFields: ("faults.emptied", "values.unreadable"),
    TakesAbsentForUnknown: ("faults.emptied",),
    KeepsUntidyTexts: ("reading.texts",),
    RequiresAName: ("values.unreadable",),
    ComparesWordsExactly: ("values.spelling",),
    DeniesEveryRow: ("reading.witness",),
    AsksTheListingAgain: ("reading.witness",),
    HidesThatLeaversStay: ("reading.leavers",),
    MakesEverybodyAlike: (
        *("reading.tenant", "reading.complete", "reading.throughout", "reading.fill", "reading.witness"),
        *("faults.certificate", "faults.lost", "faults.clamped", "faults.bad_text", "faults.bug", "values.unreadable"),
    ),
    KeepsEveryPage: ("scale.memory", "faults.bug"),
    FetchesRowsOneByOne: ("scale.requests", "scale.memory", "scale.blocking"),
    NumbersItsRows: (
        *("reading.complete", "reading.witness", "reading.follows", "reading.throughout"),
        *("faults.certificate", "faults.lost", "faults.clamped", "faults.bad_text", "faults.bug"),
    ),
    CachesRows: ("reading.follows", "scale.memory"),
    AssumesRows: ("faults.bug",),
    HasNoWitness: ("declaration.witness",),
    HasNoHelpText: ("declaration.form", "declaration.readme"),
    PromisesAField: ("reading.fill",),
}
"""The rule that each must break, followed by the rules that it may break as well."""

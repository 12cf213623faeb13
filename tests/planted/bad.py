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
    EmptiesAbsentFields,
    HidesThatLeaversStay,
    IgnoresTheTotal,
    KeepsUntidyTexts,
    MakesEverybodyAlike,
    NumbersItsRows,
    PromisesAField,
    StopsOnAShortPage,
    SwallowsErrors,
)

PLANTED: Mapping[type[AnyConnector], tuple[str, ...]] = {
    IgnoresTheTotal: ("faults.certificate",),
    AcceptsAMissingList: ("faults.shape",),
    SwallowsErrors: ("faults.reported",),
    StopsOnAShortPage: ("faults.clamped", "faults.lost", "interruption.resumed", "interruption.cancelled"),
    RequestsLargePages: ("manners.page_size",),
    ParsesPrivateFields: ("secrecy.people",),
    LogsTheToken: ("secrecy.token",),
    OpensItsOwnSession: ("manners.client",),
    Sleeps: ("manners.waits",),
    IgnoresCancellation: ("manners.deadline", "interruption.cancelled"),
    RetriesByItself: ("manners.waits", "faults.reported"),
    Blocks: ("scale.blocking",),
    WritesAFile: ("manners.files",),
    EmptiesAbsentFields: ("faults.emptied",),
    KeepsUntidyTexts: ("reading.texts",),
    DeniesEveryRow: ("reading.witness",),
    AsksTheListingAgain: ("reading.witness",),
    HidesThatLeaversStay: ("reading.leavers",),
    MakesEverybodyAlike: ("reading.tenant", "reading.complete", "reading.fill", "reading.witness"),
    KeepsEveryPage: ("scale.memory", "faults.bug"),
    FetchesRowsOneByOne: ("scale.requests", "scale.memory", "scale.blocking"),
    NumbersItsRows: ("reading.complete", "faults.certificate", "faults.lost", "faults.clamped", "faults.bug"),
    CachesRows: ("reading.follows", "scale.memory"),
    AssumesRows: ("faults.bug",),
    HasNoWitness: ("declaration.witness",),
    HasNoHelpText: ("declaration.form", "declaration.readme"),
    PromisesAField: ("reading.fill",),
}
"""The rule that each must break, followed by the rules that it may break as well."""

"""Data that the simulator serves: people, groups and their types, from a tenant or from a recording."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(slots=True)
class Person:
    """One person, before they are turned into Namely's JSON."""

    id: str
    first_name: str
    last_name: str
    preferred_name: str
    email: str
    employee_id: str
    title: str
    employee_type: str
    status: str
    start: str
    departure: str
    manager: "Person | None"
    groups: list[str]
    teams: list[str]
    country: str
    created_at: int
    updated_at: int
    has_title: bool = True


@dataclass(slots=True)
class Group:
    id: str
    title: str
    type_id: str


@dataclass(slots=True)
class GroupType:
    id: str
    title: str
    type: str


class Directory(Protocol):
    """Source of people and groups: a tenant, or a recording."""

    host: str
    token: str
    label: str
    notes: tuple[str, ...]
    company_name: str
    groups: list[Group]
    group_types: list[GroupType]
    me: Any

    @property
    def total(self) -> int: ...
    def profiles(self) -> list[Any]: ...
    def id_of(self, person: Any) -> str: ...
    def created_at(self, person: Any) -> int: ...
    def profile(self, person: Any) -> dict[str, Any]: ...
    def departments(self) -> list[Group]: ...
    def hire(self, created: datetime | None = None) -> Any: ...
    def delete(self, person: Any) -> None: ...
    def members(self, group: Group) -> int: ...
    def evolve(self, now: datetime | None = None) -> tuple[str, ...]: ...

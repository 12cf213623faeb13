"""Recorded pages, and data generated from them for routes that were not recorded."""

import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from connector_core import SettingsError
from connectors.namely.simulator.directory import Group, GroupType

_NAMESPACE = uuid.UUID("6f1c0b52-6f7e-4a53-9c3e-6f5d2f7a4e11")


class Recording:
    """Directory of recorded profiles. Groups, group types and the company are generated from them."""

    host = "recorded.namely.com"
    token = "simulated-namely-token-4f1d"
    label = "recorded"
    notes = (
        "Profiles are recorded.",
        "Groups, group types and the company are generated from them; their answers have X-Simulated: generated.",
    )

    def __init__(self, rows: list[dict[str, Any]], total: int, me: dict[str, Any] | None) -> None:
        self.rows = rows
        self.total = total
        """Total that the recording announces, which may be more than was recorded."""
        self.me = me or (rows[0] if rows else None)
        self.company_name = "Recorded Company"
        department = GroupType(str(uuid.uuid5(_NAMESPACE, "department")), "Departments", "department")
        office = GroupType(str(uuid.uuid5(_NAMESPACE, "office")), "Office Locations", "office location")
        self.group_types = [department, office]
        self.groups = self._groups(department, office)
        self._department = department.id

    def _groups(self, department: GroupType, office: GroupType) -> list[Group]:
        """Generate the groups. A group is an office if the city of its people's office has its name."""
        found: dict[str, Group] = {}
        for row in self.rows:
            city = ((row.get("office") or {}).get("city") or "").lower()
            for link in (row.get("links") or {}).get("groups") or []:
                kind = office if city.startswith(link["name"].lower()) else department
                group = found.setdefault(link["id"], Group(link["id"], link["name"], kind.id))
                if kind is office:
                    group.type_id = office.id
        return list(found.values())

    def profiles(self) -> list[dict[str, Any]]:
        return self.rows

    def id_of(self, row: dict[str, Any]) -> str:
        return str(row["id"])

    def created_at(self, row: dict[str, Any]) -> int:
        return int(row["created_at"])

    def profile(self, row: dict[str, Any]) -> dict[str, Any]:
        return row

    def members(self, group: Group) -> int:
        return sum(
            group.id in {link["id"] for link in (row.get("links") or {}).get("groups") or []} for row in self.rows
        )

    def departments(self) -> list[Group]:
        return [group for group in self.groups if group.type_id == self._department]

    def hire(self, created: datetime | None = None) -> None:
        """Do nothing: a recording does not change."""

    def delete(self, person: dict[str, Any]) -> None:
        """Do nothing: a recording does not change."""

    def evolve(self, now: datetime | None = None) -> tuple[str, ...]:  # noqa: ARG002 - a tenant has a use for it
        """Do nothing: a recording does not change."""
        return ()


def recorded_directory(folder: Path) -> Recording:
    """Load the recording in a folder: ``profiles_index.json``, and ``current_user.json`` if it exists."""
    pages = _bodies(folder / "profiles_index.json")
    rows = [row for page in pages for row in page.get("profiles", [])]
    announced = [page["meta"].get("total_count", page["meta"].get("count", 0)) for page in pages if page.get("meta")]
    me = None
    if (folder / "current_user.json").exists():
        me = _bodies(folder / "current_user.json")[0]["profiles"][0]
    return Recording(rows, max([len(rows), *announced]), me)


def _bodies(file: Path) -> list[dict[str, Any]]:
    try:
        recording = json.loads(file.read_text(encoding="utf-8"))
        return [one["response"]["body"] for one in recording["interactions"]]
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise SettingsError(
            f"{file} is not a recording: it must have interactions with a response and a body."
        ) from None

"""The company that is served: its pages, encoded and compressed in advance, and kept on disk."""

import gzip
import json
import random
import zlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from connectors.namely.simulator import Behaviour, Tenant, profile, tenant

HERE = Path(__file__).parent
SOURCES = (__file__, profile.__file__, tenant.__file__)
"""What the people are made by: they are made anew when it changes."""
TOKEN = Tenant.token
PAGE = 50
"""Rows of the pages that are encoded beforehand; others are cut from these when they are first asked for."""
VARIANTS = 1009
"""How many different sets of custom fields there are."""
SENTENCES = (
    "agreed with the line manager during the yearly review",
    "see the signed form in the personnel file",
    "to be renewed before the end of the quarter",
    "works from the second floor, near the kitchen",
    "prefers to be reached by chat in the morning",
    "was transferred from the regional office last spring",
    "needs a badge for the laboratory and the archive",
    "takes part in the mentoring programme",
)
CHOICES = ("Yes", "No", "Pending", "Not applicable", "Level 1", "Level 2", "Level 3", "Standard", "Premium")
CUSTOM = (
    "badge_colour parking_space locker_number work_model home_office_days cost_centre legal_entity "
    "union_membership bonus_plan bonus_target equity_plan vesting_start vesting_end probation_end notice_period "
    "review_cycle last_review next_review review_outcome career_goal mentor buddy languages_spoken "
    "first_aid_trained fire_warden safety_briefing security_clearance background_check data_protection_training "
    "code_of_conduct travel_policy car_policy fuel_card company_car phone_model laptop_model monitor_count "
    "software_bundle vpn_profile building_access archive_access meal_plan gym_membership commuter_benefit "
    "relocation_package visa_status visa_expiry onboarding_status offboarding_notes"
).split()


@dataclass
class Company:
    """Everything that is served. ``pages`` are the gzipped pages of the listing, in order of creation."""

    ids: list[str]
    updated: list[int]
    groups: list[dict[str, Any]]
    types: list[dict[str, Any]]
    pages: list[bytes] = field(repr=False)

    def __post_init__(self) -> None:
        self._place = {one: place for place, one in enumerate(self.ids)}
        self._orders: dict[str, list[int] | range] = {
            "created_at": range(len(self.ids)),
            "-created_at": range(len(self.ids) - 1, -1, -1),
            "updated_at": sorted(range(len(self.ids)), key=self.updated.__getitem__),
            "-updated_at": sorted(range(len(self.ids)), key=self.updated.__getitem__, reverse=True),
        }

    def page(self, number: int, size: int, sort: str) -> bytes:
        """One page of the listing, gzipped; past the end an empty one."""
        if size == PAGE and sort == "created_at" and number <= len(self.pages):
            return self.pages[number - 1]
        order = self._orders.get(sort, self._orders["created_at"])
        return pack(self._envelope(self._rows(order[(number - 1) * size : number * size])))

    def profile(self, source_id: str) -> bytes | None:
        """One person, gzipped."""
        place = 0 if source_id == "me" else self._place.get(source_id)
        return None if place is None else pack(self._envelope(self._rows(range(place, place + 1)), total=1))

    def listing(self, kind: str) -> bytes:
        """All groups, or all types of groups."""
        rows = {"groups": self.groups, "group_types": self.types}[kind]
        return pack({kind: rows, "meta": {"count": len(rows), "status": 200}})

    def _rows(self, places: list[int] | range) -> list[Any]:
        opened: dict[int, Any] = {}
        for page in {place // PAGE for place in places}:
            opened[page] = json.loads(gzip.decompress(self.pages[page]))["profiles"]
        return [opened[place // PAGE][place % PAGE] for place in places]

    def _envelope(self, rows: list[Any], total: int | None = None) -> dict[str, Any]:
        return envelope(rows, len(self.ids) if total is None else total, self.groups)


def envelope(rows: list[Any], total: int, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """The rows, with what Namely sends around them."""
    used = {link["id"] for row in rows for link in row["links"]["groups"]}
    teams = {team["id"]: team for row in rows for team in row["links"]["teams"]}
    titles = {row["job_title"]["id"]: row["job_title"] for row in rows if row["job_title"]}
    kinds = {"job_title": "job_titles", "image": "files", "groups": "groups", "teams": "teams"}
    return {
        "profiles": rows,
        "meta": {"count": len(rows), "total_count": total, "status": 200},
        "links": {f"profiles.{name}": {"type": kind} for name, kind in kinds.items()},
        "linked": {
            "job_titles": [{**one, "parent_id": None, "links": {"job_tier": None}} for one in titles.values()],
            "files": [],
            "groups": [group for group in groups if group["id"] in used],
            "teams": list(teams.values()),
        },
    }


def pack(value: Any) -> bytes:
    """As JSON without spaces, gzipped as a web server does on the fly."""
    return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), compresslevel=1, mtime=0)


def company_of(people: int, cache: Path = HERE / ".cache") -> Company:
    """The company of this size: from ``cache`` where it is there already, and not made by older code."""
    version = zlib.crc32(b"".join(Path(one).read_bytes() for one in SOURCES))
    index, body = (cache / f"{people}-{version:08x}.{name}" for name in ("json", "pages"))
    if not index.exists():
        cache.mkdir(exist_ok=True)
        for old in cache.glob(f"{people}-*"):
            old.unlink()
        made = _make(people)
        facts = {name: value for name, value in vars(made).items() if name[0] != "_" and name != "pages"}
        body.write_bytes(b"".join(made.pages))
        # Written last: where it is, the pages are whole.
        index.write_text(json.dumps({**facts, "lengths": [len(page) for page in made.pages]}), encoding="utf-8")
    facts, data = json.loads(index.read_text(encoding="utf-8")), body.read_bytes()
    ends = accumulate(facts.pop("lengths"), initial=0)
    return Company(**facts, pages=[data[start:end] for start, end in pairwise(ends)])


def _make(people: int) -> Company:
    company = Tenant(people, 1, Behaviour())
    members = Counter(group for person in company.people for group in person.groups)
    titles = {one.id: one.title for one in company.group_types}
    types = [
        {
            "id": one.id,
            "title": one.title,
            "field_name": one.title.lower().replace(" ", "_"),
            "deletable": one.type == "custom",
            "type": one.type,
            "x_groups_as_teams": False,
        }
        for one in company.group_types
    ]
    groups = [
        {
            "id": one.id,
            "title": one.title,
            "type": titles[one.type_id],
            "is_team": False,
            "address": None,
            "count": members[one.id],
            "links": {"group_type": one.type_id},
        }
        for one in company.groups
    ]
    custom = _custom_fields()
    pages = []
    for start in range(0, people, PAGE):
        rows = [company.profile(one) for one in company.people[start : start + PAGE]]
        rows = [row | custom[(start + at) * 7 % VARIANTS] for at, row in enumerate(rows)]
        pages.append(pack(envelope(rows, people, groups)))
    return Company(
        ids=[one.id for one in company.people],
        updated=[one.updated_at for one in company.people],
        groups=groups,
        types=types,
        pages=pages,
    )


def _custom_fields() -> list[dict[str, Any]]:
    """Sets of plausible custom fields: choices, dates, numbers, notes, and a tenth of them empty."""
    rnd = random.Random(5)
    made: list[dict[str, Any]] = []
    for _ in range(VARIANTS):
        kinds = (
            lambda: rnd.choice(CHOICES),
            lambda: f"20{rnd.randrange(15, 28)}-{rnd.randrange(1, 13):02d}-{rnd.randrange(1, 29):02d}",
            lambda: f"{rnd.randrange(100_000)}",
            lambda: f"{rnd.choice(SENTENCES)}; {rnd.choice(SENTENCES)}",
            lambda: rnd.choice(SENTENCES),
        )
        made.append({name: kinds[at % 5]() if rnd.random() < 0.9 else None for at, name in enumerate(CUSTOM)})
    return made

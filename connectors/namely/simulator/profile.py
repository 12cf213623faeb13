"""Profiles as Namely's JSON, with every fixed key of the recordings, sensitive and custom keys included."""

import re
import zlib
from collections.abc import Mapping
from typing import Any

from connectors.namely.simulator.behaviour import Behaviour
from connectors.namely.simulator.directory import Person

ALWAYS = (
    "id",
    "email",
    "first_name",
    "last_name",
    "user_status",
    "updated_at",
    "created_at",
    "preferred_name",
    "full_name",
    "job_title",
)
"""Keys that a limited token sees. Other keys are absent, not null."""

PRIVATE = re.compile(
    rb"Private Lane|@home\.example|999-\d\d-\d{4}|custom-\d+-|555-0\d\d\d|salary-\d+|a relative|3\.72E\+14|50000\.08"
)
"""Pattern of every private value of a profile."""
NOBODY = {"id": "no_guid", "first_name": "Nobody", "last_name": "Nobody", "email": "None"}
_BLANK = (
    "bio office_main_number office_direct_dial office_phone office_fax office_company_mobile linkedin_url "
    "job_description life_insurance_info"
).split()
_NULL = (
    "twitter facebook instagram veterans_status resume current_job_description job_change_reason "
    "healthcare_info dental_info vision_plan_info terminated_reason ethnicity"
).split()
_CUSTOM = (
    "allergies shirt_size favorite_cookie target_bonus___general ytd_bonus 2012_grant_date_1 2012_number_of_shares "
    "2012_strike_price desired_salary employee_handbook greenhouse_id replicon_access 1_name"
).split()


def profile_of(person: Person, titles: Mapping[str, str], behaviour: Behaviour) -> dict[str, Any]:
    """Return the profile as the token's owner may see it."""
    full = _profile(person, titles)
    if behaviour.owner != "limited":
        return full
    return {name: full[name] for name in ALWAYS} | {"links": {}}


def _profile(person: Person, titles: Mapping[str, str]) -> dict[str, Any]:
    number = zlib.crc32(person.id.encode())
    given = person.preferred_name or person.first_name
    job = {"id": f"title-{zlib.crc32(person.title.encode())}", "title": person.title} if person.has_title else None
    manager = person.manager
    return {
        "id": person.id,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "user_status": person.status,
        "updated_at": person.updated_at,
        "created_at": person.created_at,
        "links": {
            "job_title": job,
            "groups": [{"id": one, "name": titles[one]} for one in person.groups],
            "teams": [{"id": one, "name": titles[one]} for one in person.teams],
        },
        "image": None,
        "middle_name": "",
        "preferred_name": person.preferred_name,
        "full_name": f"{given} {person.last_name}",
        "job_title": job,
        "reports_to": [
            {
                "id": manager.id,
                "first_name": manager.first_name,
                "last_name": manager.last_name,
                "email": manager.email,
            }
            if manager
            else NOBODY
        ],
        "employee_type": {"title": person.employee_type},
        "access_role": "Employee",
        "start_date": person.start,
        "departure_date": person.departure,
        "employee_id": person.employee_id,
        **_private(person, number),
        "office": _address("1 Office Plaza", person.country),
        "asset_management": ["Laptop"] if number % 3 else [],
        "key_tag_number": f"A{number % 99999}",
        "laptop_asset_number": f"L{number % 999999}",
        **dict.fromkeys(_BLANK, ""),
        **dict.fromkeys(_NULL),
        **{name: f"custom-{number % 1000}-{name}" for name in _CUSTOM},
    }


def _private(person: Person, number: int) -> dict[str, Any]:
    """Return the keys that must never be kept."""
    return {
        "personal_email": f"{person.first_name.lower()}{number % 1000}@home.example",
        "home_phone": f"555-01{number % 100:02d}",
        "mobile_phone": f"555-02{number % 100:02d}",
        "home": _address(f"{number % 200} Private Lane", person.country),
        "corporate_card_number": "3.72E+14",
        "emergency_contact": "a relative",
        "emergency_contact_phone": f"555-03{number % 100:02d}",
        "gender": "Not specified",
        "marital_status": "Single",
        "dob": f"19{60 + number % 40}-0{1 + number % 9}-1{number % 9}",
        "ssn": f"999-{number % 90 + 10}-{number % 9000 + 1000}",
        "salary": {
            "yearly_amount": 50_000.08 + number % 90_000,
            "currency_type": "USD",
            "date": "2025-01-01",
            "rate": "semimonthly",
            "guid": f"salary-{number}",
        },
        "healthcare": {"beneficiary": None, "amount": "100.0", "currency_type": "USD"},
        "dental": {"beneficiary": None, "amount": "0.0", "currency_type": "USD"},
    }


def _address(street: str, country: str) -> dict[str, str]:
    return {
        "address1": street,
        "address2": "",
        "city": "",
        "state_id": "",
        "zip": "10000",
        "country_id": country,
    }

"""The content of notices: event, counts and codes with their sentences. Nothing in it names a person.

Notices leave this machine. So no text goes into them that a provider or a connector may have written: errors are told
by their code, and reasons without the parameters that could hold an id, a name or a message.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from connector_core import messages
from connector_core.failures import failure_of
from connector_core.reasons import Code, Reason
from connector_core.scheduling.results import KindResult, Result
from connector_core.store import Event, Schedule

SAID_INSTEAD: Mapping[Code, str] = MappingProxyType(
    {
        Code.DEFERRED: "The provider asks to wait until {until}",
        Code.THROTTLED: "The provider throttles and does not say how long to wait",
        Code.OTHER_TENANT: "the credentials lead to another company than the one whose rows are stored",
    }
)
"""Sentences in place of those that quote an error, or name an account."""
_EXAMPLE = re.compile(r", (?:for example|such as) \{example\}")

_SUBJECTS: Mapping[Event, str] = MappingProxyType(
    {
        Event.HELD: "{name}: a plan waits for a decision",
        Event.FAILED: "{name}: the run failed",
        Event.INCOMPLETE: "{name}: the run was incomplete",
        Event.QUARANTINED: "{name} is quarantined after {failures}",
        Event.RECOVERED: "{name} runs again",
        Event.TEST: "This is a test notice",
    }
)


def impersonal(reason: Reason) -> str:
    """Return the sentence of a reason, without a text that may name a person."""
    if reason.code is Code.READ_FAILED:
        return failure_of(str(reason.parameters.get("error"))).text
    template = SAID_INSTEAD.get(reason.code) or _EXAMPLE.sub("", messages.MESSAGES[reason.code].text)
    return messages.filled(template, reason.parameters)


def payload(event: Event, after: Schedule, connector: str, result: Result, *, at: datetime, address: str) -> str:
    """Return the content of a notice about the end of a run, as JSON."""
    problem = result.problem
    data: dict[str, Any] = {
        "integration": after.integration,
        "connector": connector,
        "run": result.run_id,
        "verdict": result.verdict,
        "error": {"code": problem.code, "message": f"{failure_of(problem.code).text}."} if problem else None,
        "failures": after.failures,
        "next_run_at": after.next_at.isoformat(timespec="seconds") if after.next_at else None,
        "kinds": [_kind(one) for one in result.kinds],
        "link": f"{address.rstrip('/')}/integrations/{quote(after.integration)}" if address else None,
    }
    subject = _SUBJECTS[event].format(
        name=after.integration, failures=messages.counted(after.failures, "failure") + " in a row"
    )
    return encoded(event, subject, at, data)


def trial_payload(at: datetime, address: str) -> str:
    """Return the content of a test notice."""
    return encoded(Event.TEST, _SUBJECTS[Event.TEST], at, {"link": address or None})


def encoded(event: Event, subject: str, at: datetime, data: Mapping[str, Any]) -> str:
    """Return a payload in the form of Standard Webhooks: type, timestamp and data."""
    moment = at.astimezone(UTC).isoformat(timespec="seconds")
    return json.dumps({"type": event, "timestamp": moment, "data": {"message": f"{subject}.", **data}})


def _kind(one: KindResult) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "standing": one.standing,
        "seen": one.seen,
        "announced": one.announced,
        "creates": one.creates,
        "updates": one.updates,
        "removes": one.removes,
        "held": one.held,
        "reasons": [{"code": reason.code, "message": impersonal(reason)} for reason in one.reasons],
    }


def as_text(content: str) -> tuple[str, str]:
    """Return the subject and the text of an e-mail, from a payload."""
    data = json.loads(content)["data"]
    lines = [data["message"], ""]
    if data.get("verdict"):
        lines.append(f"Verdict: {data['verdict']}")
    if data.get("error"):
        lines.append(data["error"]["message"])
    for one in data.get("kinds", ()):
        counts = ", ".join(
            messages.counted(one[key], noun)
            for key, noun in (("creates", "create"), ("updates", "update"), ("removes", "removal"))
        )
        lines.append(f"{one['kind']}: {one['standing']}, {one['seen']:,} read; {counts}; {one['held']:,} held")
        lines += [f"  {reason['message']}" for reason in one["reasons"]]
    if data.get("next_run_at"):
        lines.append(f"Next run: {data['next_run_at']}")
    if data.get("link"):
        lines += ["", data["link"]]
    return data["message"].removesuffix("."), "\n".join(lines) + "\n"

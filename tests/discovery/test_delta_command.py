"""``discover run --delta``: delta or full scan, and why."""

from world import Discover, Running


def test_the_command_says_if_it_was_a_delta_or_a_full_scan(discover: Discover, acme: Running) -> None:
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    first = discover("run", "acme", "--delta")
    assert first.code == 0
    assert "Full scan: " in first.out
    second = discover("run", "acme", "--delta")
    assert second.code == 0
    assert second.out.startswith("acme: caught up")
    assert "Delta: " in second.out
    told = discover("run", "acme", "--delta", "--json").json()
    assert told["verdict"] == told["kinds"][0]["certificate"]["standing"] == "caught up"
    assert told["extent"]["delta"] is True
    assert told["extent"]["why"]["code"] == "changed_since"
    last = discover("history", "acme", "--json", "--limit", "1").json()["runs"][0]
    assert last["extent"]["why"]["code"] == "changed_since"

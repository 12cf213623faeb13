"""plugins.toml: what it may say, and one clear sentence when it is wrong."""

from pathlib import Path

import pytest

from connector_core import SettingsError
from connector_core.settings import Settings
from world import OURS, Discover


def load(text: str) -> Settings:
    Path("plugins.toml").write_text(text)
    return Settings.load()


def test_without_a_file_the_defaults_hold_and_the_store_lies_here() -> None:
    settings = Settings.load()
    assert settings.plugins is None
    assert settings.host.store == Path("discover.sqlite")


def test_the_store_lies_beside_the_file_unless_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "plugins.toml"
    file.write_text("[plugins.namely]\n")
    assert Settings.load(file).host.store == tmp_path / "elsewhere" / "discover.sqlite"
    assert Settings.load(file, store=Path("other.db")).host.store == Path("other.db")


def test_every_table_is_read() -> None:
    settings = load(
        """
        [host]
        store = "people.sqlite"
        [host.http]
        page_timeout = 30
        [host.losses]
        share = 0.1
        [host.resolve]
        "acme.namely.com" = "[::1]:8443"
        [plugins.namely]
        distribution = "connector-core"
        limits = { "/profiles" = { requests = 50, per = 60 } }
        leave_free = 0.25
        [plugins.namely.options]
        department_group_types = ["Teams"]
        """
    )
    assert settings.plugins
    assert settings.plugins["namely"].limits["/profiles"].requests == 50
    assert settings.plugins["namely"].leave_free == 0.25
    endpoint = settings.host.endpoints()["acme.namely.com"]
    assert (endpoint.address, endpoint.port) == ("::1", 8443)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[plugins\n", "not valid TOML"),
        ("a = 1\na = 2\n", "line 2"),
        ("[plugin.namely]\n", "plugin: there is no such key"),
        ("[host]\nstor = 'x'\n", "host.stor: there is no such key"),
        ("[host.http]\ntries = 0\n", "host.http.tries: "),
        ("[host.losses]\nshare = 20\n", "host.losses.share: "),
        ("[plugins.namely]\nleave_free = 1\n", "plugins.namely.leave_free: must be less than 1."),
        ("[plugins.namely]\nleave_free = -0.1\n", "plugins.namely.leave_free: must be at least 0."),
        ('[host.resolve]\n"a.namely.com" = "localhost"\n', "host.resolve.a.namely.com: "),
        ('[host.resolve]\n"a.namely.com" = "127.0.0.1:99999"\n', "an address and a port"),
        ("[plugins.namely]\nlimits = { '/profiles' = 3 }\n", "plugins.namely.limits./profiles: "),
        ("[plugins]\nnamely = 5\n", "plugins.namely: "),
        ("[host]\nstore = 3\n", "host.store: should be a path."),
        ("[host.retention]\nundo = -1\n", "host.retention.undo: must be at least 0."),
        ("[host.bounds]\nrows = 0\n", "host.bounds.rows: must be at least 1."),
        ("[host.http]\nlargest_answer = 0\n", "host.http.largest_answer: must be more than 0."),
        ("[host.http]\nfirst_wait = 61.0\n", "host.http.first_wait: must be at most 60."),
        ("[host.growth]\nat_least = 9000000000\n", "host.growth.at_least: must be at most 1000000000."),
        ("[host.http]\ntries = 1.5\n", "host.http.tries: should be a whole number."),
        ("[host.http]\ntries = nan\n", "host.http.tries: should be a finite number."),
        ("[host.http]\nproxy = '{x}'\n", "host.http.proxy: is not the address of a proxy"),
    ],
)
def test_a_wrong_file_names_the_file_and_the_key(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text)
    assert "plugins.toml" in caught.value.message
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        Settings.load(Path("nothing.toml"))
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(tmp_path)
    Path("latin.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        Settings.load(Path("latin.toml"))


def test_the_projects_own_file_is_valid() -> None:
    settings = Settings.load(Path(__file__).parents[1] / "plugins.toml")
    assert settings.plugins
    assert tuple(sorted(settings.plugins)) == OURS


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[plugins.namely]\n\n[host]\nstor = 'x'\n", 4),
        ("[host.http]\npage_timeout = 9\ntries = 0\n", 3),
        ('# a comment\n[host.resolve]\n"a.namely.com" = "localhost"\n', 3),
        ("[host]\nlosses = { share = 20 }\n", 2),
        ("[plugin.namely]\n", 1),
        ("[plugins.namely.limits]\n'/profiles' = 3\n", 2),
    ],
)
def test_a_wrong_key_is_named_with_its_line(text: str, line: int) -> None:
    with pytest.raises(SettingsError, match=rf"plugins\.toml: line {line}: "):
        load(text)


def test_every_key_is_listed_with_a_meaning_and_its_default_is_what_holds_without_it(discover: Discover) -> None:
    keys = discover("settings", "--json").json()["keys"]
    assert all(one["meaning"] for one in keys)
    names = {f"{one['table']}.{one['key']}" for one in keys}
    assert {"host.store", "host.http.tries", "host.retention.held", "plugins.NAME.options"} <= names
    host = [one for one in keys if one["table"].startswith("host")]
    assert len(host) > 40
    # One that is empty is not set.
    text = "".join(f"{one['table']}.{one['key']} = {one['default']}\n" for one in host if one["default"])
    assert load(text) == Settings()


def test_the_list_of_keys_that_a_wrong_one_points_to_reads_no_file(discover: Discover) -> None:
    Path("plugins.toml").write_text("[host]\nstroe = 'a'\n")
    wrong = discover("list")
    assert wrong.code == 2
    *_, hint = wrong.err.strip().splitlines()
    named = hint.partition("discover ")[2]
    assert "host.store" in discover(*named.split()).out

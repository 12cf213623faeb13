"""Questions on a terminal: each answer is validated when it is typed, and a correction is offered."""

import io
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import SecretStr, ValidationInfo, field_validator

from connector_core import Credentials, InvalidCredentialsError, SettingsError, Subdomain, TenantDomain
from connector_core.cli.ending import INTERRUPTED, DeclinedError
from connector_core.cli.form import _given, fill
from connector_core.cli.questions import confirm
from connector_core.discovery.connector_errors import validate_some
from connector_core.names import check_name, valid_name
from connector_core.sdk.credentials import FormField, company_in
from connector_core.testing import new_rsa_key
from connectors.bamboohr.credentials import BambooHRCredentials
from connectors.hibob.connector import HiBob
from connectors.hibob.credentials import HiBobCredentials
from connectors.namely.connector import Namely
from connectors.namely.credentials import NamelyCredentials
from connectors.personio.credentials import PersonioCredentials
from planted.ways import BASE, Anywhere, key
from terminal import Terminal
from world import Discover, Running

ROOT = Path(__file__).parents[1]
TOKEN = "canary-4f1d-token"


def refused(credentials: type[Credentials], fields: Mapping[str, str | SecretStr]) -> InvalidCredentialsError:
    with pytest.raises(InvalidCredentialsError) as caught:
        credentials.validate_some(fields)
    return caught.value


# ---- one field, before the others are known


@pytest.mark.parametrize(
    ("domain", "suggestion"),
    [
        ("https://acme.namely.com", "acme.namely.com"),
        ("https://acme.namely.com/", "acme.namely.com"),
        (" Acme.Namely.Com ", "acme.namely.com"),
        ("acme", "acme.namely.com"),
        ("acme.example.com", ""),
        ("", ""),
    ],
)
def test_a_field_alone_is_refused_as_in_the_whole_form_and_corrected(domain: str, suggestion: str) -> None:
    alone = refused(NamelyCredentials, {"domain": domain})
    with pytest.raises(InvalidCredentialsError) as whole:
        NamelyCredentials.parse({"domain": domain, "personal_access_token": TOKEN})
    assert (alone.message, alone.field) == (whole.value.message, "domain")
    assert alone.suggestion == whole.value.suggestion == suggestion
    if suggestion:
        NamelyCredentials.validate_some({"domain": suggestion})


def test_a_subdomain_is_corrected_too() -> None:
    assert refused(BambooHRCredentials, {"company": "https://Acme.bamboohr.com/"}).suggestion == "acme"
    BambooHRCredentials.validate_some({"company": "acme"})


@pytest.mark.parametrize(
    ("credentials", "fields"),
    [
        (NamelyCredentials, {"personal_access_token": "canary token"}),
        (HiBobCredentials, {"token": "canary\ntoken"}),
        (PersonioCredentials, {"client_secret": ""}),
    ],
)
def test_a_secret_is_validated_alone_too_and_never_repeated(
    credentials: type[Credentials], fields: Mapping[str, str]
) -> None:
    error = refused(credentials, fields)
    assert error.field in fields
    assert "canary" not in error.message
    assert error.suggestion == ""


def test_what_is_not_filled_in_yet_is_no_error() -> None:
    for credentials in (NamelyCredentials, HiBobCredentials, BambooHRCredentials, PersonioCredentials):
        credentials.validate_some({})
    assert "there is no field colour" in refused(NamelyCredentials, {"colour": "red"}).message


class Regional(Credentials):
    region: str
    key: SecretStr

    @field_validator("key")
    @classmethod
    def _is_of_the_region(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if not value.get_secret_value().startswith(str(info.data.get("region"))):
            raise ValueError(f"{value.get_secret_value()} is of another region")
        return value


def test_a_field_is_validated_beside_those_before_it_and_a_secret_that_is_quoted_is_hidden() -> None:
    Regional.validate_some({"region": "eu", "key": SecretStr("eu-1")})
    assert refused(Regional, {"region": "eu", "key": SecretStr("us-canary")}).message == "key: … is of another region."


def test_a_connector_that_fails_on_a_field_is_named_and_not_what_it_was_given() -> None:
    with pytest.raises(InvalidCredentialsError, match="service_user_id: is empty"):
        validate_some(HiBob, {"service_user_id": ""})
    validate_some(Namely, {"domain": "acme.namely.com"})


# ---- names


class Twofold(Credentials):
    region: str
    site: Annotated[str, TenantDomain("example.com")]
    group: Annotated[str, Subdomain("example.org")]


@pytest.mark.parametrize(
    ("credentials", "fields", "company"),
    [
        (NamelyCredentials, {"domain": "acme.namely.com", "personal_access_token": SecretStr(TOKEN)}, "acme"),
        (BambooHRCredentials, {"company": "acme-2"}, "acme-2"),
        (HiBobCredentials, {"service_user_id": "SERVICE-1"}, ""),
        (Twofold, {"region": "eu", "site": "acme.example.com", "group": "other"}, "acme"),
        (NamelyCredentials, {}, ""),
    ],
)
def test_the_name_that_is_suggested_is_the_companys_label(
    credentials: type[Credentials], fields: Mapping[str, str | SecretStr], company: str
) -> None:
    assert company_in(credentials, fields) == company


@pytest.mark.parametrize(
    ("typed", "valid"),
    [
        ("acme", "acme"),
        ("Ácme  Corp.", "acme-corp"),
        ("_-ACME_2-", "acme_2"),
        ("東京", ""),
        ("a" * 80, "a" * 63),
        ("", ""),
    ],
)
def test_a_name_that_is_not_valid_is_corrected(typed: str, valid: str) -> None:
    assert valid_name(typed) == valid
    if valid:
        check_name(valid)
    if typed != valid or not typed:
        with pytest.raises(SettingsError, match="is not a valid integration name") as caught:
            check_name(typed)
        assert caught.value.hint.endswith(f"such as {valid or 'acme'}.")


# ---- on a terminal


def test_each_field_is_asked_for_until_it_fits_and_a_correction_is_accepted_with_enter(
    acme: Running, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISCOVER_PERSONAL_ACCESS_TOKEN")
    terminal = Terminal("connect", "namely")
    terminal.wait_for("such as company.namely.com: ")
    terminal.type("acme.example.com\n")
    terminal.wait_for("type only the company's own domain")
    terminal.type(" https://ACME.namely.com/ \n")
    # Refused before anything else is asked, with the corrected value as the default.
    terminal.wait_for("type acme.namely.com, without https:// or anything else")
    assert "Personal access token" not in terminal.seen
    terminal.wait_for("(acme.namely.com)")
    terminal.type("\n")
    terminal.wait_for("Personal access token")
    time.sleep(0.2)
    terminal.type("canary token\n")
    terminal.wait_for("copy it again")
    time.sleep(0.2)
    terminal.type(acme.token + "\n")
    terminal.wait_for("(acme)")
    terminal.type("Acme Corp\n")
    terminal.wait_for("(acme-corp)")
    terminal.type("\n")
    assert terminal.end() == 0
    assert "acme-corp (Acme Widgets) is connected." in terminal.seen
    assert acme.token not in terminal.seen
    assert "canary" not in terminal.seen
    assert [one["name"] for one in discover("integrations", "--json").json()["integrations"]] == ["acme-corp"]


FILLING = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from connector_core.cli.form import _given, fill
from planted.ways import Anywhere
name, fields = fill(Anywhere, "acme", dict(one.split("=", 1) for one in sys.argv[1:]))
given = Anywhere.credentials_type.parse(fields)
print("FILLED", sorted(given.filled()), given.region)
"""


def filling(*given: str) -> Terminal:
    """The questions about a connector with two ways to authenticate."""
    return Terminal(*given, program=(sys.executable, "-c", FILLING))


def test_of_several_ways_one_is_filled_in_and_a_field_is_skipped_with_enter() -> None:
    pasted = new_rsa_key()
    terminal = filling("base-url=https://people.acme.example")
    terminal.wait_for("Fill in API token, or Client id and Private key. Enter alone skips a field.")
    terminal.wait_for("Region, eu or us, or Enter to skip it")
    terminal.type("use\n")
    terminal.wait_for("region: should be 'eu' or 'us'.")
    terminal.wait_for("(us)")
    terminal.type("\n")
    terminal.wait_for("API token, or Enter to skip it")
    time.sleep(0.2)
    terminal.type("\n")
    terminal.wait_for("Client id:")
    terminal.type("app-1\n")
    terminal.wait_for("Private key; paste it up to the line -----END:")
    time.sleep(0.2)
    # All lines at once, as they are pasted.
    terminal.type(pasted)
    assert terminal.end() == 0
    assert "FILLED ['base_url', 'client_id', 'private_key', 'region'] us" in terminal.seen
    assert not [line for line in pasted.splitlines() if line in terminal.seen]


def test_a_way_that_is_chosen_ends_the_questions_about_the_others() -> None:
    terminal = filling("base-url=https://people.acme.example", "region=us")
    terminal.wait_for("API token, or Enter to skip it")
    time.sleep(0.2)
    terminal.type("canary-token\n")
    assert terminal.end() == 0
    assert "FILLED ['api_token', 'base_url', 'region'] us" in terminal.seen
    assert "Client id" not in terminal.seen.rpartition("Enter alone")[2]


def test_a_key_that_is_not_whole_is_asked_for_again() -> None:
    terminal = filling("base-url=https://people.acme.example", "region=us", "client-id=app-1")
    terminal.wait_for("Private key; paste it")
    time.sleep(0.2)
    terminal.type("MIIEvgIBADANBgkq\n-----END PRIVATE KEY-----\n")
    terminal.wait_for("private_key: is not a private key in PEM")
    time.sleep(0.2)
    terminal.type("\x04")
    assert terminal.end() != 0
    assert "MIIEvg" not in terminal.seen


def test_what_belongs_to_a_way_that_was_begun_is_not_skipped() -> None:
    terminal = filling("base-url=https://people.acme.example", "region=us", "client-id=app-1")
    terminal.wait_for("Private key; paste it")
    time.sleep(0.2)
    terminal.type("\n")
    terminal.wait_for("Private key is needed")
    time.sleep(0.2)
    terminal.type("nonsense\n\n")
    terminal.wait_for("private_key: is not a private key in PEM")
    time.sleep(0.2)
    terminal.type("\x04")
    assert terminal.end() != 0


def test_without_a_terminal_an_error_tells_how_to_give_the_fields_of_each_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(InvalidCredentialsError) as caught:
        fill(Anywhere, "acme", {"base-url": BASE, "client-id": "app-1"})
    assert caught.value.message == "Missing: private_key. Fill in api_token, or client_id and private_key."
    assert caught.value.hint == (
        "Give --api-token-file FILE or DISCOVER_API_TOKEN, "
        "or --client-id; --private-key-file FILE or DISCOVER_PRIVATE_KEY."
    )


def test_keys_and_certificates_are_given_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    file = tmp_path / "key.pem"
    file.write_text(key().replace("\n", "\r\n"))
    given = {"base-url": BASE, "client-id": "app-1", "private-key-file": str(file)}
    _, fields = fill(Anywhere, "acme", given)
    assert Anywhere.credentials_type.parse(fields).secrets()["private_key"].get_secret_value() == key()
    certificate = FormField("certificate", "Certificate", "", secret=False, required=True, lines=True)
    assert _given({"certificate": certificate}, {"certificate-file": str(file)}) == {"certificate": key().strip()}
    with pytest.raises(SettingsError, match="--private-key is a secret") as caught:
        fill(Anywhere, "acme", {**given, "private-key": key()})
    assert "Use --private-key-file FILE or DISCOVER_PRIVATE_KEY" in caught.value.hint


def test_a_choice_that_does_not_exist_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(InvalidCredentialsError) as caught:
        fill(Anywhere, "acme", {"base-url": BASE, "region": "EU"})
    assert (caught.value.message, caught.value.suggestion) == ("region: should be 'eu' or 'us'.", "eu")


@pytest.mark.usefixtures("acme")
def test_a_flag_that_is_wrong_is_refused_before_anything_is_asked() -> None:
    terminal = Terminal("connect", "namely", "--domain", "https://acme.namely.com")
    assert terminal.end() == 2
    assert "type acme.namely.com, without https:// or anything else" in terminal.seen
    assert "Name" not in terminal.seen


@pytest.mark.usefixtures("acme")
def test_ctrl_c_at_a_question_saves_nothing(discover: Discover) -> None:
    terminal = Terminal("connect", "namely", "--name", "acme")
    terminal.wait_for("Domain")
    assert terminal.interrupt() == 130
    assert "Traceback" not in terminal.seen
    assert discover("integrations", "--json").json() == {"integrations": []}


@pytest.mark.usefixtures("acme")
def test_the_end_of_input_at_a_question_is_an_interruption() -> None:
    terminal = Terminal("connect", "namely", "--name", "acme")
    terminal.wait_for("such as company.namely.com")
    terminal.type("\x04")
    assert terminal.end() == 130
    assert "bug" not in terminal.seen


class Keyboard(io.StringIO):
    """Standard input with these lines, as if they were typed."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["y", "Y", "yes", "YES", " Yes "])
@pytest.mark.parametrize("before", ["", "maybe\nyess\n1\n"])
def test_yes_is_understood_in_any_case_and_anything_else_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, before: str
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(f"{before}{answer}\n"))
    confirm("Apply 72 changes?", yes=False)
    printed = capsys.readouterr()
    assert printed.err.count("Apply 72 changes? [y/N]: ") == printed.err.count("Answer yes or no.") + 1
    assert printed.err.count("Answer yes or no.") == before.count("\n")
    assert printed.out == ""


@pytest.mark.parametrize("answer", ["n", "N", "no", "NO", ""])
def test_no_is_understood_in_any_case_and_is_the_default(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(f"what\n{answer}\n"))
    with pytest.raises(DeclinedError):
        confirm("Apply 72 changes?", yes=False)


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md", "docs/errors.md", "docs/howto/schedule.md"])
def test_the_exit_code_of_no_is_documented_with_the_others(page: str) -> None:
    assert INTERRUPTED == 130
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert re.search(r"\b130\b.{0,120}answered no|no, nothing is changed, and the exit code is 130", text)


def test_a_change_that_cannot_be_undone_waits_for_yes(acme: Running, discover: Discover) -> None:
    assert discover("connect", "namely", "--name", "acme", "--domain", acme.host).code == 0
    assert discover("run", "acme", "--plan").out
    for command, answer, code, says in (
        ("remove", "No", 130, "Nothing was changed."),
        ("apply", "Y", 0, "72 changes applied."),
    ):
        terminal = Terminal(command, "acme")
        terminal.wait_for("? [y/N]: ")
        terminal.type(f"{answer}\n")
        assert terminal.end() == code
        assert says in terminal.seen
    assert len(discover("entities", "acme", "employees", "--json").json()["entities"]) == 60

"""Credentials: what is accepted, what is refused before any network, and what never shows."""

import json
import string
import traceback
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import (
    NOT_OBTAINED,
    BaseUrl,
    Credentials,
    InvalidCredentialsError,
    Obtained,
    Pem,
    PrivateKey,
    SecretStr,
    TenantDomain,
)
from connector_core.secrecy import SecretsInUse
from connector_core.testing import new_rsa_key
from connectors.bamboohr.credentials import BambooHRCredentials
from connectors.hibob.credentials import HiBobCredentials
from connectors.namely.connector import Namely
from connectors.namely.credentials import NamelyCredentials
from connectors.personio.credentials import PersonioCredentials

TOKEN = "canary-4f1d-token"


def refused(**fields: str) -> InvalidCredentialsError:
    with pytest.raises(InvalidCredentialsError) as caught:
        NamelyCredentials.parse(fields)
    return caught.value


def suggested(credentials: type[Credentials], **fields: str) -> str:
    with pytest.raises(InvalidCredentialsError) as caught:
        credentials.validate_some(fields)
    return caught.value.suggestion


@pytest.mark.parametrize("domain", ["company.namely.com", "a.namely.com", "acme-sandbox.namely.com", "4you.namely.com"])
def test_a_company_at_namely_is_accepted(domain: str) -> None:
    assert NamelyCredentials.parse({"domain": domain, "personal_access_token": TOKEN}).domain == domain


@pytest.mark.parametrize(
    ("domain", "say"),
    [
        ("https://company.namely.com", "type company.namely.com"),
        ("https://company.namely.com/", "type company.namely.com"),
        ("company", "type company.namely.com"),
        ("Company.Namely.Com", "type company.namely.com"),
        (" company.namely.com", "type company.namely.com"),
        ("company.namely.com\n", "type company.namely.com"),
        ("company.namely.com/api", "type company.namely.com"),
        ("company.namely.com:443", "type company.namely.com"),
        ("http://company.namely.com", "type company.namely.com"),
        ("evil.com/.namely.com", "such as company.namely.com"),
        ("evil.com#.namely.com", "such as company.namely.com"),
        ("evil.com?.namely.com", "such as company.namely.com"),
        ("me@company.namely.com", "such as company.namely.com"),
        ("a.namely.com.evil.com", "such as company.namely.com"),
        ("a.b.namely.com", "such as company.namely.com"),
        ("namely.com", "such as company.namely.com"),
        (".namely.com", "such as company.namely.com"),
        ("-a.namely.com", "such as company.namely.com"),
        ("a_b.namely.com", "such as company.namely.com"),
        ("\u0441ompany.namely.com", "such as company.namely.com"),
        ("company.namely\u3002com", "such as company.namely.com"),
        ("company.namelyXcom", "such as company.namely.com"),
        ("a" * 64 + ".namely.com", "such as company.namely.com"),
        ("{domain}.namely.com", "such as company.namely.com"),
        ("", "such as company.namely.com"),
    ],
)
def test_anything_else_is_refused_in_one_sentence_that_says_what_to_type(domain: str, say: str) -> None:
    error = refused(domain=domain, personal_access_token=TOKEN)
    assert error.field == "domain"
    assert say in error.message
    assert "\n" not in error.message
    assert TOKEN not in error.message


@pytest.mark.parametrize("scheme", ["", "https://", "http://", "HTTPS://", "//"])
@pytest.mark.parametrize("rest", ["", "/", "/people", ":8443", ":443/people/3?tab=job#top", "?a=b", "#top", "./"])
def test_of_a_pasted_address_the_company_is_suggested(scheme: str, rest: str) -> None:
    bamboohr = suggested(BambooHRCredentials, company=f" {scheme}Acme-2.BambooHR.com{rest}\n")
    namely = suggested(NamelyCredentials, domain=f" {scheme}Acme-2.Namely.com{rest}\n")
    assert (bamboohr, namely) == ("acme-2", "acme-2.namely.com")
    # Nothing in the address of HiBob or of Personio tells these ids.
    assert suggested(HiBobCredentials, service_user_id=f" {scheme}app.hibob.com{rest}\n") == ""
    assert suggested(PersonioCredentials, client_id=f" {scheme}acme.personio.com{rest}\n") == ""


@pytest.mark.parametrize("path", ["", "/people", ":443", "/acme.namely.com", "?acme.bamboohr.com", "#.namely.com"])
@pytest.mark.parametrize(
    "host", ["acme.example.com", "acme.namely.com.example.com", "ada@acme.namely.com", "https:///"]
)
def test_of_another_address_nothing_is_suggested(host: str, path: str) -> None:
    assert suggested(NamelyCredentials, domain=host + path) == ""
    assert suggested(BambooHRCredentials, company=host + path) == ""


@given(st.text(alphabet=string.printable + "\u0430\u0435\u043e\u0441\u3002\uff0e", max_size=40))
def test_what_is_accepted_is_always_one_label_at_namely(text: str) -> None:
    if TenantDomain("namely.com").accepts(text):
        label, rest = text.split(".", 1)
        assert rest == "namely.com"
        assert set(label) <= set(string.ascii_lowercase + string.digits + "-")


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "carriage\rreturn", "t\u00f6ken", "nul\x00"])
def test_a_token_that_would_break_a_header_is_refused_unseen(token: str) -> None:
    error = refused(domain="a.namely.com", personal_access_token=token)
    assert error.field == "personal_access_token"
    assert not token or token not in error.message


def test_a_missing_and_an_unknown_field_are_named() -> None:
    assert "personal_access_token: is missing" in refused(domain="a.namely.com").message
    error = refused(domain="a.namely.com", personal_access_token=TOKEN, colour="red")
    assert "there is no field colour" in error.message


@pytest.mark.parametrize("fields", [{"domain": "https://x"}, {"domain": ""}, {"extra": "x"}])
def test_a_refused_token_is_in_no_message_no_repr_and_no_traceback(fields: dict[str, str]) -> None:
    error = refused(personal_access_token=TOKEN, **fields)
    assert TOKEN not in "".join(traceback.format_exception(error))
    assert TOKEN not in repr(error)


def test_a_token_shows_in_no_form_of_the_credentials() -> None:
    credentials = NamelyCredentials.parse({"domain": "a.namely.com", "personal_access_token": TOKEN})
    assert TOKEN not in f"{credentials!r} {credentials} {credentials.model_dump_json()} {credentials.public()}"


def test_the_form_of_every_front_end_is_made_from_the_json_schema() -> None:
    schema = NamelyCredentials.model_json_schema()
    assert schema["properties"]["personal_access_token"]["format"] == "password"
    assert schema["properties"]["domain"]["pattern"].endswith(r"\.namely\.com$")
    json.dumps(schema)
    domain, token = Namely.credentials_type.form()
    assert (domain.name, domain.secret, domain.example) == ("domain", False, "company.namely.com")
    assert (token.name, token.secret, token.required) == ("personal_access_token", True, True)
    assert all(field.title and field.help for field in (domain, token))


@pytest.mark.parametrize("value", ["", " ", "SERVICE 7", "SERVICE-7\n", "SERVICE:7", "SERVICE-\u0437", "a\x00b"])
def test_an_identifier_that_was_not_copied_well_is_refused_in_words(value: str) -> None:
    with pytest.raises(
        InvalidCredentialsError, match=r"service_user_id: (is empty|contains a space, .*: copy it again)"
    ):
        HiBobCredentials.parse({"service_user_id": value, "token": TOKEN})


def test_an_identifier_may_hold_whatever_its_provider_writes() -> None:
    fields = {"client_id": "papi:8d6f/+=", "client_secret": TOKEN}
    assert PersonioCredentials.parse(fields).client_id == "papi:8d6f/+="


@pytest.mark.parametrize(
    ("company", "say"),
    [
        ("acme.bamboohr.com", "type only acme"),
        ("https://acme.bamboohr.com/", "type only acme"),
        ("Acme", "type only acme"),
        ("acme/../other", "type only the part before .bamboohr.com"),
        ("acme.", "type only the part before .bamboohr.com"),
        ("\u0441ompany", "type only the part before .bamboohr.com"),
        ("", "type only the part before .bamboohr.com"),
    ],
)
def test_a_subdomain_is_one_label_and_what_nearly_fits_is_told_rightly(company: str, say: str) -> None:
    with pytest.raises(InvalidCredentialsError) as caught:
        BambooHRCredentials.parse({"company": company, "api_key": TOKEN})
    assert say in caught.value.message
    assert BambooHRCredentials.parse({"company": "acme-2", "api_key": TOKEN}).company == "acme-2"


# ---- fields of several lines, choices, and what the host obtains

PEM_KEY = new_rsa_key()


class Various(Credentials):
    cloud: Literal["global", "us"] = "global"
    token: SecretStr | None = None
    private_key: Annotated[SecretStr, PrivateKey()] | None = None
    other_key: Annotated[SecretStr | None, PrivateKey()] = None
    certificate: Annotated[str, Pem()] | None = None
    server: Annotated[str, BaseUrl()] | None = None
    refresh_token: Annotated[SecretStr, Obtained()] = NOT_OBTAINED


def test_a_form_has_choices_and_texts_of_several_lines_and_nothing_that_the_host_obtains() -> None:
    form = {one.name: one for one in Various.form()}
    assert list(form) == ["cloud", "token", "private_key", "other_key", "certificate", "server"]
    assert form["cloud"].choices == ("global", "us")
    assert [name for name, one in form.items() if one.lines] == ["private_key", "other_key", "certificate"]
    assert [name for name, one in form.items() if one.secret] == ["token", "private_key", "other_key"]
    assert not any(one.required for one in form.values())
    assert Various.obtained() == {"refresh_token"}
    assert Various.named_hosts() == {"server"}


@pytest.mark.parametrize(
    "spelled",
    [
        PEM_KEY,
        PEM_KEY.strip(),
        f"\n  {PEM_KEY}\n",
        PEM_KEY.replace("\n", "\r\n"),
        PEM_KEY.replace("\n", "\\n"),
        PEM_KEY.replace("\n", "\n  "),
    ],
    ids=["as it is", "without the last line end", "space around it", "of Windows", "out of JSON", "indented"],
)
def test_a_key_is_read_however_it_was_copied(spelled: str) -> None:
    assert Various.parse({"private_key": spelled}).secrets()["private_key"].get_secret_value() == PEM_KEY


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (PEM_KEY.splitlines()[4], "is not a private key in PEM: copy all of it"),
        (PEM_KEY[:-30], "is not a private key in PEM: copy all of it"),
        (PEM_KEY[30:], "is not a private key in PEM: copy all of it"),
        (f"{PEM_KEY}and more", "is not a private key in PEM: copy all of it"),
        (PEM_KEY.replace("PRIVATE", "PUBLIC"), "is not a private key in PEM: copy all of it"),
        (PEM_KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"), "is encrypted: give the key without its passphrase"),
        ("  ", "is not a private key in PEM: copy all of it"),
    ],
    ids=["a line of it", "cut at its end", "cut at its beginning", "more behind it", "public", "encrypted", "blank"],
)
@pytest.mark.parametrize("field", ["private_key", "other_key"])
def test_a_key_that_is_not_whole_or_encrypted_is_refused_unseen(field: str, wrong: str, said: str) -> None:
    with pytest.raises(InvalidCredentialsError) as caught:
        Various.parse({field: wrong})
    assert caught.value.message.startswith(f"{field}: {said}")
    assert not any(line in repr(vars(caught.value)) for line in PEM_KEY.splitlines()[1:-1])


def test_line_breaks_are_allowed_in_keys_only() -> None:
    with pytest.raises(InvalidCredentialsError, match="token: contains a space, a line break"):
        Various.parse({"token": PEM_KEY})


def test_a_private_key_beside_a_certificate_would_be_stored_in_the_clear_and_is_refused() -> None:
    with pytest.raises(InvalidCredentialsError, match="certificate: holds a private key, too"):
        Various.parse({"certificate": PEM_KEY})


def test_what_is_left_empty_is_neither_public_nor_filled_in() -> None:
    given = Various.parse({"token": "t-1", "private_key": "", "server": ""})
    assert given.public() == {"cloud": "global"}
    assert given.filled() == {"cloud", "token"}


@pytest.mark.parametrize(("typed", "meant"), [("Global", "global"), ("usa", "us"), ("china", "")])
def test_a_choice_that_does_not_exist_is_refused_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(InvalidCredentialsError, match="cloud: should be 'global' or 'us'") as caught:
        Various.parse({"cloud": typed})
    assert caught.value.suggestion == meant


def test_a_line_of_a_key_is_hidden_like_the_whole_key() -> None:
    secrets = SecretsInUse([SecretStr(PEM_KEY)])
    for line in PEM_KEY.splitlines()[1:-2]:
        assert secrets.hidden_in(f"in {line}.") == "in [secret]."
    assert secrets.hidden_in("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"

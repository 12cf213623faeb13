"""Credentials from the command line: flags, files, the environment, or questions on a terminal."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr

from connector_core.cli.output import error_console
from connector_core.cli.questions import ask, ask_lines, is_interactive
from connector_core.errors import InvalidCredentialsError, SettingsError
from connector_core.names import check_name, valid_name
from connector_core.operator_pages import ways_in_words
from connector_core.sdk.authentication import chosen, possible, refusal, typed_fields
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import FormField, company_in
from connector_core.suggestions import did_you_mean

Fields = dict[str, str | SecretStr]


def fill(connector: type[AnyConnector], name: str | None, given: Mapping[str, str]) -> tuple[str, Fields]:
    """Return the integration's name and the fields of a form. A wrong one that was given ends the command.

    Missing ones are asked for on a terminal, each until it is valid; elsewhere they are an error.
    """
    from connector_core.discovery.connector_errors import validate_some  # Beside the client, which no list needs.

    form = {field.name: field for field in connector.credentials_type.form()}
    fields = _given(form, given)
    if name is not None:
        check_name(name)
    validate_some(connector, fields)
    if is_interactive():
        _ask_missing(connector, form.values(), fields)
    else:
        _refuse_missing([field for field in form.values() if field.required and field.name not in fields], name)
        _refuse_ways(connector, form, fields)
    if name is None:
        name = _ask_name(company_in(connector.credentials_type, fields) or connector.manifest.name)
    return name, fields


def _given(form: Mapping[str, FormField], given: Mapping[str, str]) -> Fields:
    """Return the fields that flags and the environment give."""
    fields: Fields = {}
    for flag, value in given.items():
        name = flag.replace("-", "_")
        field = form.get(name.removesuffix("_file"))
        if name in form and form[name].secret:
            raise SettingsError(
                f"--{flag.replace('_', '-')} is a secret, and other users of this machine can see a flag's value.",
                hint=f"Use {how_to_give(form[name])}. If the value was real, revoke it.",
            )
        if name in form:
            fields[name] = value
        elif field and (field.secret or field.lines) and name.endswith("_file"):
            content = _read(value, flag.replace("_", "-"))
            fields[field.name] = content if field.secret else content.get_secret_value()
        else:
            known = [_flag(one) for one in form.values()]
            raise SettingsError(
                f"Unknown flag --{flag.replace('_', '-')}; the fields are {', '.join(known)}.",
                hint=did_you_mean(f"--{flag.replace('_', '-')}", [one.removesuffix(" FILE") for one in known]),
            )
    for field in form.values():
        variable = f"DISCOVER_{field.name.upper()}"
        if field.secret and field.name not in fields and os.environ.get(variable):
            fields[field.name] = SecretStr(os.environ[variable])
    return fields


def _read(place: str, flag: str) -> SecretStr:
    """Return the secret in a file. Errors name the flag, not its value: that may be the secret itself."""
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"The file given to --{flag} cannot be read: {reason}.") from None
    return SecretStr(text.strip())


def _refuse_missing(fields: list[FormField], name: str | None) -> None:
    """Raise an error that names all that is missing, if anything is."""
    ways = [*(["--name, such as --name acme"] if name is None else []), *map(how_to_give, fields)]
    if fields:
        raise InvalidCredentialsError(f"Missing: {'; '.join(ways)}.", field=fields[0].name)
    if ways:
        raise SettingsError(f"Missing: {ways[0]}.")


def _refuse_ways(connector: type[AnyConnector], form: Mapping[str, FormField], fields: Fields) -> None:
    """Raise an error that tells how to give the fields of each way to authenticate, unless one is filled in."""
    ways = connector.manifest.ways
    if len(ways) > 1 and chosen(ways, fields) is None:
        given = ["; ".join(how_to_give(form[name]) for name in typed_fields(way)) for way in ways]
        said, wrong = refusal(ways, fields)
        raise InvalidCredentialsError(said, field=wrong[0], hint=f"Give {', or '.join(given)}.")


def _ask_missing(connector: type[AnyConnector], form: Iterable[FormField], fields: Fields) -> None:
    """Ask for the fields that are not given. Of several ways to authenticate, one is left when all is answered."""
    ways, left_out = connector.manifest.ways, set[str]()
    if len(ways) > 1 and chosen(ways, fields) is None:
        error_console().print(f"{ways_in_words(connector)} Enter alone skips a field.", style="dim")
    of_ways = {name for way in ways for name in typed_fields(way)} if len(ways) > 1 else set()
    for field in form:
        if field.name in fields:
            continue
        open_ways = [field.name in typed_fields(way) for way in possible(ways, fields, left_out)]
        if field.name in of_ways and not any(open_ways):
            continue
        needed = all(open_ways) if field.name in of_ways else field.required
        if answer := _ask(connector, field, fields, needed=needed):
            fields[field.name] = answer
        else:
            left_out.add(field.name)


def _ask(connector: type[AnyConnector], field: FormField, fields: Fields, *, needed: bool) -> str | SecretStr | None:
    """Return a field that fits, beside those that are known; None if it is skipped. Else it is asked for again."""
    from connector_core.discovery.connector_errors import validate_some  # See above.

    out, default = error_console(), ""
    example = " or ".join(field.choices) or (f"such as {field.example}" if field.example else "")
    question = ", ".join(filter(None, [field.title, example, "" if needed else "or Enter to skip it"]))
    out.print(field.help, style="dim")
    while True:
        if field.lines:
            value: str | SecretStr = ask_lines(question, secret=field.secret)
        else:
            answer = ask(field.title if default else question, default=default, secret=field.secret)
            value = SecretStr(answer) if field.secret else answer
        if not value and not needed:
            return None
        if not value and not field.required:
            out.print(f"{field.title} is needed: it belongs to what is filled in already.", style="red")
            continue
        try:
            validate_some(connector, {**fields, field.name: value})
        except InvalidCredentialsError as error:
            if error.field != field.name:
                raise
            out.print(error.message, style="red")
            default = error.suggestion
        else:
            return value


def _ask_name(suggested: str) -> str:
    """Return a valid name for the integration."""
    out, default = error_console(), valid_name(suggested)
    out.print("A name for the integration, which the other commands take.", style="dim")
    while True:
        name = ask("Name", default=default)
        try:
            check_name(name)
        except SettingsError as error:
            out.print(f"{error.message} {error.hint}", style="red")
            default = valid_name(name) or default
        else:
            return name


def _flag(field: FormField) -> str:
    flag = field.name.replace("_", "-")
    return f"--{flag}-file FILE" if field.secret or field.lines else f"--{flag}"


def how_to_give(field: FormField) -> str:
    """Return the ways to give a field without a terminal."""
    return f"{_flag(field)} or DISCOVER_{field.name.upper()}" if field.secret else _flag(field)

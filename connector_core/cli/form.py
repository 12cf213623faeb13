"""Credentials from the command line: flags, files, the environment, or questions on a terminal."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from connector_core.cli.encoding import plain
from connector_core.cli.ending import DeclinedError
from connector_core.cli.output import error_console
from connector_core.errors import InvalidCredentialsError, SettingsError
from connector_core.sdk.connector import AnyConnector
from connector_core.sdk.credentials import FormField

Fields = dict[str, str | SecretStr]


def fill(connector: type[AnyConnector], given: Mapping[str, str]) -> Fields:
    """Return the fields of a form. Missing ones are asked for on a terminal; elsewhere they are an error."""
    from connector_core.discovery.connector_errors import credentials_of  # Beside the client, which no list needs.

    form = {field.name: field for field in connector.credentials_type.form()}
    fields = _given(form, given)
    missing = [field for field in form.values() if field.required and field.name not in fields]
    if missing and not is_interactive():
        ways = "; ".join(how_to_give(field) for field in missing)
        raise InvalidCredentialsError(f"Missing: {ways}.", field=missing[0].name)
    for field in missing:
        fields[field.name] = _ask(field)
    while missing:
        # On a terminal an invalid answer is asked for again instead of ending the command.
        try:
            credentials_of(connector, fields)
        except InvalidCredentialsError as error:
            if error.field not in form:
                raise
            error_console().print(error.message, style="red")
            fields[error.field] = _ask(form[error.field])
        else:
            break
    return fields


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
        elif field and field.secret and name.endswith("_file"):
            fields[field.name] = _read(value, flag.replace("_", "-"))
        else:
            known = ", ".join(_flag(one) for one in form.values())
            raise SettingsError(f"Unknown flag --{flag.replace('_', '-')}; the fields are {known}.")
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


def _ask(field: FormField) -> str | SecretStr:
    example = f", such as {field.example}" if field.example else ""
    out = error_console()
    out.print(field.help, style="dim")
    from rich.prompt import Prompt  # Needed only where a question is asked.
    from rich.text import Text

    answer = Prompt.ask(Text(plain(f"{field.title}{example}")), console=out, password=field.secret)
    return SecretStr(answer.strip()) if field.secret else answer.strip()


def _flag(field: FormField) -> str:
    flag = field.name.replace("_", "-")
    return f"--{flag}-file FILE" if field.secret else f"--{flag}"


def how_to_give(field: FormField) -> str:
    """Return the ways to give a field without a terminal."""
    return f"{_flag(field)} or DISCOVER_{field.name.upper()}" if field.secret else _flag(field)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone. Without a terminal, ``--yes`` is required."""
    if yes:
        return
    if not is_interactive():
        raise SettingsError(f"{question} There is no terminal to ask on: add --yes.")
    from rich.prompt import Prompt  # Needed only where a question is asked.
    from rich.text import Text

    answer = Prompt.ask(Text(plain(question)), choices=["yes", "no"], default="no", console=error_console())
    if answer != "yes":
        raise DeclinedError


def is_interactive() -> bool:
    """Return True if questions can be answered."""
    return sys.stdin is not None and sys.stdin.isatty()

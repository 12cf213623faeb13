"""Completion of commands and flags in shells: ``--install-completion``."""

import os
from pathlib import Path
from typing import Literal

from cyclopts.completion.detect import ShellDetectionError, detect_shell

from connector_core.cli.output import console
from connector_core.errors import SettingsError

Shell = Literal["bash", "zsh", "fish"]
_LOADED_BY = {"bash": "~/.bashrc", "zsh": "~/.zshrc"}
_COMPINIT = "autoload -Uz compinit && compinit"


def install(*, shell: Shell | None = None) -> int:
    """Let bash, zsh or fish complete commands and flags.

    It writes a script that starts no program, and adds a line to ~/.bashrc or ~/.zshrc that loads it.

    Args:
        shell: Shell to install for, instead of the one that is in use.
    """
    from connector_core.cli.main import app  # It names this module, and is complete by now.

    chosen = shell or _detected()
    try:
        script = app.install_completion(shell=chosen, output=_fish_file() if chosen == "fish" else None)
    except OSError as error:
        raise SettingsError(f"{error.filename or 'The script'} cannot be written: {error.strerror}.") from None
    out = console()
    loaded_by = _LOADED_BY.get(chosen, "")
    out.print(f"Completion for {chosen} is in {script}" + (f"; {loaded_by} loads it." if loaded_by else "."))
    if chosen == "zsh" and not _completes():
        out.print(f"zsh completes nothing yet: add this line at the end of {loaded_by}:\n\n{_COMPINIT}\n")
    out.print("It works in terminals that are opened from now on.")
    return 0


def _detected() -> Shell:
    hint = "Name it: discover --install-completion --shell bash (or zsh, or fish)"
    try:
        found = detect_shell()
    except ShellDetectionError:
        raise SettingsError("The shell in use could not be detected.", hint=hint) from None
    if found == "powershell":
        raise SettingsError("There is completion for bash, zsh and fish only.", hint=hint)
    return found


def _fish_file() -> Path:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "fish" / "completions" / "discover.fish"


def _completes() -> bool:
    """Return True if zsh is set up to complete: by its user, or by oh-my-zsh."""
    file = Path.home() / ".zshrc"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return "compinit" in text or bool(os.environ.get("ZSH"))

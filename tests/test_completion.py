"""Completion, as bash, zsh and fish do it themselves where they are installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from connector_core.cli.main import COMMANDS
from world import DISCOVER, Discover

SCRIPTS = {
    "bash": ".local/share/bash-completion/completions/discover",
    "zsh": ".zsh/completions/_cyclopts_discover",
    "fish": ".config/fish/completions/discover.fish",
}
TRIED = {
    "bash": """
        . ~/.bashrc
        [[ $(complete -p discover) == *" -F _discover "* ]] || exit 1
        completed() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _discover; printf "%s\\n" "${COMPREPLY[@]}"; }
        completed discover ent
        completed discover entities acme employees --c
    """,
    "zsh": """
        . ~/.zshrc
        autoload -Uz compinit && compinit -u
        autoload -Uz +X $_comps[discover]
        whence -f $_comps[discover]
    """,
    "fish": """
        complete -C "discover ent"
        complete -C "discover entities acme employees --c"
    """,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME")
    for name in ("ZSH", "ZSH_CUSTOM", "ZSH_VERSION", "FISH_VERSION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_completes_every_command_without_starting_a_program(home: Path, discover: Discover, shell: str) -> None:
    done = discover("--install-completion", "--shell", shell)
    assert done.code == 0
    file = home / SCRIPTS[shell]
    assert str(file) in done.out
    script = file.read_text()
    assert all(name in script for name, _, _ in COMMANDS if not name.startswith("-"))
    assert not re.search("--(empty|no)-(?!browser)", script)
    # It would be asked for at every key.
    assert "__complete" not in script
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    env = {**os.environ, "PATH": f"{DISCOVER.parent}:{os.environ['PATH']}"}
    tried = subprocess.run([shell, "-c", TRIED[shell]], env=env, capture_output=True, text=True, check=True).stdout
    assert "entities" in tried
    assert "--csv" in tried


def test_the_shell_in_use_is_found(home: Path, discover: Discover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASH_VERSION", "5.2")
    assert "Completion for bash" in discover("--install-completion").out
    assert (home / SCRIPTS["bash"]).exists()


def test_what_the_user_has_written_stays_and_nothing_is_added_twice(home: Path, discover: Discover) -> None:
    (home / ".bashrc").write_text("export MINE=1")
    for _ in range(2):
        assert discover("--install-completion", "--shell", "bash").code == 0
    lines = (home / ".bashrc").read_text().splitlines()
    assert lines[0] == "export MINE=1"
    assert len([line for line in lines if "completions/discover" in line]) == 1


def test_a_zsh_that_completes_nothing_is_told_what_it_lacks(home: Path, discover: Discover) -> None:
    line = "autoload -Uz compinit && compinit"
    assert line in discover("--install-completion", "--shell", "zsh").out
    (home / ".zshrc").write_text((home / ".zshrc").read_text() + line)
    assert line not in discover("--install-completion", "--shell", "zsh").out


def test_oh_my_zsh_needs_no_line(home: Path, discover: Discover, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "omz").mkdir()
    (home / "omz" / "oh-my-zsh.sh").write_text("")
    monkeypatch.setenv("ZSH", str(home / "omz"))
    done = discover("--install-completion", "--shell", "zsh")
    assert done.code == 0
    assert "compinit" not in done.out
    assert not (home / ".zshrc").exists()


def test_fish_is_served_where_its_configuration_is(
    home: Path, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "elsewhere"))
    assert discover("--install-completion", "--shell", "fish").code == 0
    assert (home / "elsewhere" / "fish" / "completions" / "discover.fish").exists()


def test_a_home_that_cannot_be_written_and_a_shell_that_is_not_known(home: Path, discover: Discover) -> None:
    (home / ".local").write_text("")
    done = discover("--install-completion", "--shell", "bash")
    assert (done.code, "cannot be written" in done.err) == (2, True)
    done = discover("--install-completion", "--shell", "tcsh")
    assert (done.code, '--shell must be one of: "bash", "zsh", "fish"' in done.err) == (2, True)

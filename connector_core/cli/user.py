"""The user of this process, as the audit log names it."""

import getpass
import os


def user_name() -> str:
    """Return the name of the user whom the process belongs to, whatever its environment says."""
    try:
        import pwd
    except ImportError:  # Windows has no such file of users.
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # In a container the user may have a number only.
        return f"uid {os.getuid()}"

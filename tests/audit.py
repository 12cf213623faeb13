"""Ask an advisory service for known vulnerabilities of pinned requirements: `make audit`.

pip-audit asks. It fails alike where the service finds something and where it cannot be reached, and it passes over what
the service does not know: here these are told apart.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLEAN, VULNERABLE = 0, 1
UNREACHABLE = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError")
"""What pip-audit says when no service answers."""


def verdict(report: Mapping[str, Any] | None, errors: str = "") -> tuple[int, str]:
    """Return the exit code and what to print, from the report of pip-audit and what it wrote to standard error."""
    if report is None:
        if any(word in errors for word in UNREACHABLE):
            return CLEAN, "SKIPPED: no advisory service can be reached from here, so nothing was audited."
        return VULNERABLE, f"pip-audit failed:\n{errors}"
    dependencies = report["dependencies"]
    found = [
        f"{one['name']} {one['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'no version'}"
        for one in dependencies
        for flaw in one.get("vulns", ())
    ]
    unknown = [one["name"] for one in dependencies if "skip_reason" in one]
    audited = len(dependencies) - len(unknown)
    if unknown and not audited:
        return CLEAN, "SKIPPED: the advisory service knows none of the dependencies, so nothing was audited."
    lines = [*found, f"{audited} dependencies audited, {len(found)} known vulnerabilities."]
    if unknown:
        lines.append(f"Not audited, since the advisory service does not know them: {', '.join(unknown)}.")
    return (VULNERABLE if found else CLEAN), "\n".join(lines)


def audit(requirements: str) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        command = ["-m", "pip_audit", "--vulnerability-service", "osv", "--require-hashes", "--disable-pip"]
        options = [
            "--progress-spinner",
            "off",
            "--format",
            "json",
            "--output",
            str(output),
            "--requirement",
            requirements,
        ]
        done = subprocess.run([sys.executable, *command, *options], capture_output=True, text=True, check=False)
        report = json.loads(output.read_text(encoding="utf-8")) if output.exists() else None
    return verdict(report, done.stderr)


if __name__ == "__main__":
    code, said = audit(sys.argv[1])
    sys.stdout.write(f"{said}\n")
    sys.exit(code)

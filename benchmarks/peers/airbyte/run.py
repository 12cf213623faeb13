"""A declarative source on the Airbyte CDK, read by its concurrent engine to standard output."""

import json
import os
import sys
from pathlib import Path

from airbyte_cdk.cli.source_declarative_manifest import run

MANIFEST = Path(__file__).with_name("manifest.yaml")
STREAM = {"name": "profiles", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}


def main() -> None:
    if "--help" in sys.argv:
        run()
    base_url, token, ca_file, _people, folder = sys.argv[1:]
    os.environ["REQUESTS_CA_BUNDLE"] = ca_file
    config, catalog = Path(folder, "config.json"), Path(folder, "catalog.json")
    config.write_text(json.dumps({"base_url": base_url, "token": token}), encoding="utf-8")
    chosen = {"stream": STREAM, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    catalog.write_text(json.dumps({"streams": [chosen]}), encoding="utf-8")
    files = ["--config", str(config), "--catalog", str(catalog), "--manifest-path", str(MANIFEST)]
    sys.argv[1:] = ["read", *files]
    run()


if __name__ == "__main__":
    main()

"""dlt's rest_api source, its pages read in parallel, to DuckDB or to files."""

import argparse
import json
import os
import sys
from pathlib import Path

import dlt
from dlt.sources.helpers import requests
from dlt.sources.rest_api import rest_api_source

FIELDS = (
    "id email first_name last_name preferred_name full_name user_status updated_at job_title reports_to "
    "employee_type employee_id start_date departure_date office links"
).split()
# Lists and objects stay as JSON, in their row: no tables of their own.
COLUMNS = {name: {"data_type": "json"} for name in ("job_title", "reports_to", "employee_type", "office", "links")}


def declared(profile: dict) -> dict:
    return {name: profile.get(name) for name in FIELDS}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("base_url", "token", "ca_file", "people", "folder"):
        parser.add_argument(name)
    parser.add_argument("--to", choices=("duckdb", "files"), default="duckdb")
    given = parser.parse_args()
    os.environ.update(
        {
            "REQUESTS_CA_BUNDLE": given.ca_file,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
            "EXTRACT__WORKERS": "8",
            "EXTRACT__MAX_PARALLEL_ITEMS": "16",
            # Two were slower on two cores: the workers are processes.
            "NORMALIZE__WORKERS": "1",
            "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "20000",
            "SOURCES__DATA_WRITER__BUFFER_MAX_ITEMS": "5000",
            "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "5000",
            "DATA_WRITER__DISABLE_COMPRESSION": "true",
            "SOURCES__DATA_WRITER__DISABLE_COMPRESSION": "true",
            "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
        }
    )

    @dlt.resource(selected=False)
    def pages():
        """The number of every page, by the total that the first answer tells."""
        headers = {"Authorization": f"Bearer {given.token}"}
        first = requests.get(f"{given.base_url}/profiles", params={"per_page": 1}, headers=headers).json()
        yield [{"number": number} for number in range(1, -(-first["meta"]["total_count"] // 50) + 1)]

    people = {
        "name": "profiles",
        "primary_key": "id",
        "write_disposition": "replace",
        "parallelized": True,
        "max_table_nesting": 0,
        "columns": COLUMNS,
        "processing_steps": [{"map": declared}],
        "endpoint": {
            "path": "profiles",
            "params": {"page": "{resources.pages.number}", "per_page": 50, "sort": "created_at"},
            "data_selector": "profiles",
            "paginator": "single_page",
        },
    }
    client = {"base_url": f"{given.base_url}/", "auth": {"type": "bearer", "token": given.token}}
    source = rest_api_source({"client": client, "resources": [people, pages()]})
    folder = Path(given.folder)
    if given.to == "duckdb":
        destination, file_format = dlt.destinations.duckdb(str(folder / "people.duckdb")), "parquet"
    else:
        destination, file_format = dlt.destinations.filesystem((folder / "files").as_uri()), "jsonl"
    pipeline = dlt.pipeline("people", destination=destination, dataset_name="namely", pipelines_dir=str(folder / "dlt"))
    pipeline.run(source, loader_file_format=file_format)
    rows = pipeline.last_trace.last_normalize_info.row_counts["profiles"]
    sys.stdout.write(json.dumps({"people": rows}) + "\n")


if __name__ == "__main__":
    main()

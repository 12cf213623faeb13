"""target-jsonl: reads a tap's messages, and writes each stream's records to a file."""

import json
import sys
from pathlib import Path

import target_jsonl


def main() -> None:
    if "--help" in sys.argv:
        target_jsonl.main()
    folder = Path(sys.argv[-1])
    config = folder / "target.json"
    config.write_text(json.dumps({"destination_path": str(folder), "do_timestamp_file": False}), encoding="utf-8")
    sys.argv[1:] = ["--config", str(config)]
    target_jsonl.main()
    with (folder / "profiles.jsonl").open("rb") as lines:
        people = sum(1 for _ in lines)
    # Its own output is the last state that it was sent.
    sys.stdout.write("\n" + json.dumps({"people": people}) + "\n")


if __name__ == "__main__":
    main()

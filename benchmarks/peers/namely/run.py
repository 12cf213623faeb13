"""The namely client: everybody in one call, one page after the other or by its own threads."""

import argparse
import concurrent.futures
import functools
import json
import os
import sys

from namely import Client

# It makes as many threads as the machine has processors, and four more. Eight at once, as all others here.
concurrent.futures.ThreadPoolExecutor = functools.partial(concurrent.futures.ThreadPoolExecutor, 8)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("base_url", "token", "ca_file", "people", "folder"):
        parser.add_argument(name)
    parser.add_argument("--threads", choices=("one", "many"), default="one")
    given = parser.parse_args()
    # Its session has no setting of its own for this.
    os.environ["REQUESTS_CA_BUNDLE"] = given.ca_file
    client = Client(f"{given.base_url}/", given.token)
    profiles = client.profiles.get_all(multi_threading=given.threads == "many")["profiles"]
    sys.stdout.write(json.dumps({"people": len({one["id"] for one in profiles})}) + "\n")


if __name__ == "__main__":
    main()

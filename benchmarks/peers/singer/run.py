"""A tap on singer-sdk: one stream of people, page after page, to standard output."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import backoff
import requests
from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.pagination import PageNumberPaginator
from singer_sdk.streams import RESTStream

BACK_OFF = 0.25
"""Seconds before another try when the provider throttles or fails."""
TITLED = th.ObjectType(th.Property("title", th.StringType))
REFERENCE = th.ObjectType(th.Property("id", th.StringType))


class People(RESTStream):
    name = "profiles"
    path = "/profiles"
    primary_keys = ("id",)
    records_jsonpath = "$.profiles[*]"
    # What throttles is 406 here, which the SDK takes for final.
    extra_retry_statuses = (406, 429)
    schema = th.PropertiesList(
        th.Property("id", th.StringType, required=True),
        *(
            th.Property(name, th.StringType)
            for name in (
                "email first_name last_name preferred_name full_name user_status employee_id start_date departure_date"
            ).split()
        ),
        th.Property("updated_at", th.IntegerType),
        th.Property("job_title", TITLED),
        th.Property("employee_type", TITLED),
        th.Property("reports_to", th.ArrayType(REFERENCE)),
        th.Property("office", th.ObjectType(th.Property("country_id", th.StringType))),
        th.Property("links", th.ObjectType(th.Property("groups", th.ArrayType(REFERENCE)))),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return self.config["base_url"]

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["token"])

    @property
    def requests_session(self) -> requests.Session:
        # The SDK sends prepared requests, which take no authority from the environment.
        session = super().requests_session
        session.verify = self.config["ca_file"]
        return session

    def get_new_paginator(self) -> PageNumberPaginator:
        return PageNumberPaginator(start_value=1)

    def get_url_params(self, context, next_page_token) -> dict:
        return {"page": next_page_token, "per_page": 50, "sort": "created_at"}

    def backoff_wait_generator(self) -> Iterator[float]:
        return backoff.constant(interval=BACK_OFF)

    def backoff_max_tries(self) -> int:
        return 40  # As often as the requests script.


class NamelyTap(Tap):
    name = "tap-namely"
    # The faster of the two that the SDK brings.
    message_writer_class = MsgSpecWriter
    config_jsonschema = th.PropertiesList(
        th.Property("base_url", th.StringType, required=True),
        th.Property("token", th.StringType, required=True, secret=True),
        th.Property("ca_file", th.StringType, required=True),
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        return [People(self)]


def main() -> None:
    if "--help" in sys.argv:
        NamelyTap.cli()
    base_url, token, ca_file, _people, folder = sys.argv[1:]
    config = Path(folder, "tap.json")
    config.write_text(json.dumps({"base_url": base_url, "token": token, "ca_file": ca_file}), encoding="utf-8")
    NamelyTap.cli(["--config", str(config)])


if __name__ == "__main__":
    main()

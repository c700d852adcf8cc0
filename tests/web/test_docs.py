from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.web.fake_hub import Admin, FakeHub
from tests.web.serving import serving


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with (
        serving(lambda: Admin(FakeHub()).app) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        yield client


def operations(client: httpx.Client) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_page_and_all_it_loads_come_from_here(client: httpx.Client) -> None:
    page = client.get("/", follow_redirects=True)
    assert page.url.path == "/docs"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {"/static/docs.js", "/static/docs.css", "/openapi.json"} == set(loaded)
    for address in loaded:
        assert client.get(address).status_code == 200


def test_no_file_of_the_page_names_another_host(client: httpx.Client) -> None:
    for path in ("/docs", "/static/docs.js", "/static/docs.css"):
        assert "//" not in re.sub(r"^//.*$", "", client.get(path).text, flags=re.M)


def test_every_call_is_described(client: httpx.Client) -> None:
    found = list(operations(client))
    assert len(found) > 15
    for method, path, operation in found:
        assert operation["description"], (method, path)
        assert operation["tags"], (method, path)
        assert path.startswith("/api/v1/")


def test_every_reference_of_the_description_leads_somewhere(client: httpx.Client) -> None:
    description = client.get("/openapi.json").json()
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(description)))
    assert names <= set(description["components"]["schemas"])
    assert {"Entry", "LaneStatus", "Problem", "Rates"} <= names


def test_the_description_asks_for_the_token(client: httpx.Client) -> None:
    assert client.get("/openapi.json").json()["security"] == [{"token": []}]

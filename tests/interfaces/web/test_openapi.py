"""The description of the HTTP API covers every route, and no request, right or wrong, is a server error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.interfaces.web.test_server import Visitor, home, made, served
from thresher.interfaces.web.app import ROUTERS
from thresher.interfaces.web.room.answers import PROBLEMS

__all__ = ["home", "made"]  # fixtures

ROOT = Path(__file__).parents[3]
OPERATIONS = sorted(
    (method.lower(), route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
)

TEXTS = st.text(max_size=30) | st.sampled_from(
    [
        "epoch:1..2",
        "near:1",
        "path::(a+)+b",
        "((((",
        "^,",
        "tag:\x00",
        "0" * 9000,
        f"rating:{'9' * 9000}",
        "id-",
        "\ud800",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
KEYS = ("clips", "rating", "rejected", "add", "remove", "text", "decision", "name", "query", "start", "end")
NAMES = ("q", "ids", "limit", "metric", "range", "field", "a", "b", "kind", "threshold", "run")
RANGES = ("bytes=0-", "bytes=-1", "bytes=9-1", "bytes=,", "x" * 900, "bytes=0-0,2-2")


@pytest.fixture(scope="module")
def described(shelf: Any) -> dict[str, Any]:
    from thresher.interfaces.web.access import AccessRules
    from thresher.interfaces.web.app import create_app

    found: dict[str, Any] = create_app(shelf, AccessRules(bytes(32))).openapi()
    return found


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_route_is_described(described: dict[str, Any], method: str, path: str) -> None:
    operation = described["paths"][path][method]
    assert operation["summary"]
    assert operation["description"].endswith(".")
    assert operation["tags"]
    assert operation["responses"].keys() >= {str(status) for status in PROBLEMS}
    success = operation["responses"]["200"]
    assert success["content"], f"{path} does not say what it returns"
    if "application/json" in success["content"]:
        assert success["content"]["application/json"]["schema"], f"{path} has no model"


def test_the_description_names_no_other_routes(described: dict[str, Any]) -> None:
    named = {(method, path) for path, methods in described["paths"].items() for method in methods}
    assert named == set(OPERATIONS)


def test_the_document_names_every_path() -> None:
    text = (ROOT / "docs/room.md").read_text(encoding="utf-8")
    for _, path in OPERATIONS:
        shown = path.replace("{clip_id}", "1")
        assert f"`{shown}" in text, f"docs/room.md does not name {shown}"


@pytest.mark.long
@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if each[1] != "/api/changes"])
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_value_is_a_server_error(client: TestClient, method: str, path: str, data: st.DataObject) -> None:
    """The client raises what a route raises, so that only 503 could be hidden; it must not appear either."""
    clip_id = data.draw(st.sampled_from(["1", "4", "0", "-1", "x", "9" * 30, "%00", "1.5", "99"]))
    address = path.replace("{clip_id}", clip_id)
    if method == "get":
        given_values = data.draw(st.dictionaries(st.sampled_from(NAMES), TEXTS.filter(_is_text), max_size=3))
        header = data.draw(st.sampled_from(RANGES))
        answer = client.get(address, params=given_values, headers={"range": header})
    else:
        body = data.draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5) | VALUES)
        answer = client.post(address, content=_json(body), headers={"content-type": "application/json"})
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.status_code != 416:
        assert answer.json()["error"]


def _is_text(text: str) -> bool:
    return text.isascii() or text.encode("utf-8", "ignore").decode() == text


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.slow
def test_schemathesis_finds_no_server_error(home: Path, tmp_path: Path) -> None:
    with served(home) as (_, address):
        cookie = Visitor(address).cookie
        description = f"{address.partition('?')[0]}api/openapi.json"
        options = ["--checks", "not_a_server_error", "--max-examples", "15", "--exclude-path", "/api/changes"]
        options += ["--header", f"Cookie: {cookie}", "--generation-database", "none"]
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", description, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

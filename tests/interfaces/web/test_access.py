"""Who may use the room: hosts, origins, the token, and the form of changes."""

from __future__ import annotations

import base64

import pytest
from fastapi.testclient import TestClient

from tests.interfaces.web.rooms import ADDRESS, KEY
from thresher.catalog.catalog import Catalog
from thresher.interfaces.web import access
from thresher.interfaces.web.access import COOKIE, AccessRules
from thresher.interfaces.web.addresses import is_loopback
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.server_key import token_of

PATHS = ("/", "/api/clips", "/audio/1", "/api/changes", "/static/js/main.js", "/api/openapi.json", "/nowhere")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_the_token(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "thresher serve" in answer.text


def test_the_printed_address_gives_a_cookie_that_scripts_and_other_sites_do_not_get(
    stranger: TestClient,
) -> None:
    answer = stranger.get(f"/map?q=epoch:1&token={token_of(KEY)}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/map?q=epoch%3A1")
    cookie = answer.headers["set-cookie"].casefold()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
    assert stranger.get("/api/room").status_code == 200


def test_the_way_on_never_leads_to_another_server(stranger: TestClient) -> None:
    answer = stranger.get(f"http://localhost:8377//evil.example/?token={token_of(KEY)}")
    assert answer.headers["location"].startswith("/evil.example")


@pytest.mark.parametrize("token", ["", "0" * 32, "é"])
def test_a_wrong_token_is_refused(stranger: TestClient, token: str) -> None:
    assert stranger.get("/", params={"token": token}).status_code == 401
    stranger.cookies.set(COOKIE, token.encode("ascii", "replace").decode())
    assert stranger.get("/").status_code == 401


@pytest.mark.parametrize("path", PATHS[:4])
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "localhost.evil.example"},
        {"host": ""},
        {"host": "[::1"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
def test_requests_of_other_sites_are_refused(client: TestClient, path: str, headers: dict[str, str]) -> None:
    assert client.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:8377", "room.localhost"])
def test_loopback_has_many_names_because_people_forward_ports(client: TestClient, host: str) -> None:
    assert client.get("/api/room", headers={"host": host}).status_code == 200
    assert client.get("/api/room", headers={"host": host, "origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_addresses_of_this_machine(name: str, expected: bool) -> None:
    assert is_loopback(name) is expected


def test_a_change_must_be_json_of_bounded_length(client: TestClient) -> None:
    assert client.post("/api/rating", data={"clips": "1", "rating": "5"}).status_code == 415
    assert (
        client.post("/api/rating", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    )
    large = b'{"clips":[1],"rating":4,"x":"' + b"x" * (1 << 20) + b'"}'
    answer = client.post("/api/rating", content=large, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    pieces = client.post("/api/rating", content=iter([b"{}"]), headers={"content-type": "application/json"})
    assert pieces.status_code == 411


def test_every_answer_forbids_foreign_scripts(client: TestClient) -> None:
    for path in ("/", "/api/clips", "/nowhere", "/audio/99"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_address_works_from_a_page_of_another_site_such_as_a_terminal(stranger: TestClient) -> None:
    visit = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    answer = stranger.get(f"/map?q=a'%22%3E&token={token_of(KEY)}", headers=visit)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert 'content="0;url=/map?q=a%27%22%3E"' in answer.text
    assert COOKIE in answer.headers["set-cookie"]
    script = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
    assert stranger.get(f"/map?token={token_of(KEY)}", headers=script).status_code == 403


def test_another_port_of_this_machine_is_another_program(client: TestClient) -> None:
    assert client.get("/audio/1", headers={"sec-fetch-site": "same-site"}).status_code == 403


def test_a_password_opens_the_room_and_a_wrong_one_waits(
    shelf: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "WRONG_PASSWORD_SECONDS", 0.01)
    rules = AccessRules(KEY, password="größer als acht")
    with TestClient(create_app(shelf, rules), base_url=ADDRESS) as visitor:
        refused = visitor.get("/")
        assert (refused.status_code, "Basic" in refused.headers["www-authenticate"]) == (401, True)
        for wrong in (b"x:guess", b"", b"\xff\xfe", b"x:"):
            header = {"authorization": "Basic " + base64.b64encode(wrong).decode()}
            assert visitor.get("/api/room", headers=header).status_code == 401
        for broken in ("Basic", "Basic ???", "Bearer x"):
            assert visitor.get("/api/room", headers={"authorization": broken}).status_code == 401
        right = {"authorization": "Basic " + base64.b64encode("x:größer als acht".encode()).decode()}
        assert visitor.get("/api/room", headers=right).status_code == 200
        assert visitor.post("/api/undo", json={"decision": 999}, headers=right).status_code == 404
        foreign = {**right, "origin": "http://evil.example"}
        assert visitor.post("/api/undo", json={}, headers=foreign).status_code == 403


def test_only_given_names_open_a_room_that_other_machines_reach(shelf: Catalog) -> None:
    with TestClient(
        create_app(shelf, AccessRules(KEY, ("studio",))), base_url="http://studio:8377"
    ) as visitor:
        assert visitor.get(f"/?token={token_of(KEY)}").status_code == 200
        assert visitor.get("/api/room", headers={"host": "studio.evil.example"}).status_code == 403

"""Clips over HTTP: what the query language finds, rows, one clip, and the terminal's error messages."""

from __future__ import annotations

from fastapi.testclient import TestClient


def test_a_query_finds_ids_in_its_order(client: TestClient) -> None:
    assert client.get("/api/clips").json() == {"query": "", "ids": [1, 2, 3, 4]}
    assert client.get("/api/clips", params={"q": "epoch:1 id-"}).json()["ids"] == [4, 3]


def test_a_wrong_query_gets_the_sentence_of_the_terminal_and_its_position(client: TestClient) -> None:
    answer = client.get("/api/clips", params={"q": "epoch:1 epcoh:2"})
    assert answer.status_code == 400
    assert "epoch" in answer.json()["error"]
    assert answer.json()["position"] == 8


def test_rows_come_in_the_order_of_the_ids_without_unknown_ones(client: TestClient) -> None:
    rows = client.get("/api/clips/rows", params={"ids": "3,99,1,3"}).json()["clips"]
    assert [row["id"] for row in rows] == [3, 1]
    assert rows[0]["epoch"] == 1
    assert client.get("/api/clips/rows", params={"ids": "1;2"}).status_code == 422


def test_one_clip_in_full_and_its_neighbours(client: TestClient) -> None:
    assert client.get("/api/clips/4").json()["clip"]["channels"] == 2
    assert client.get("/api/clips/99").status_code == 404
    near = client.get("/api/clips/1/near", params={"limit": 2}).json()["neighbours"]
    assert len(near) == 2
    assert near[0]["score"] >= near[1]["score"]


def test_a_clip_without_a_cluster_has_none(client: TestClient) -> None:
    assert client.get("/api/clips/1/cluster").json() == {"cluster": None}
    assert client.get("/api/clips/99/cluster").status_code == 404


def test_the_order_can_be_a_chain_of_similar_clips(client: TestClient) -> None:
    chain = client.get("/api/clips", params={"order": "chain"}).json()["ids"]
    assert sorted(chain) == [1, 2, 3, 4]
    assert client.get("/api/clips", params={"order": "random"}).status_code == 422


def test_values_of_fields_are_listed_the_most_frequent_first(client: TestClient) -> None:
    assert client.get("/api/fields/epoch").json() == {"values": ["0", "1"]}
    assert client.get("/api/fields/run").json() == {"values": ["night"]}
    assert client.get("/api/fields/tag").json() == {"values": []}
    assert client.get("/api/fields/nosuch").status_code == 400

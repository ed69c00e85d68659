"""A program that decides, saves songs and ingests while others do so.

`python -m tests.faults.contender NAME ROUNDS` works in the current folder, whose catalog.toml names a shared
catalog. It ingests the files of the folder NAME there. At the end it prints one JSON object: how many transactions
lost, by SQLSTATE, and how many ran alone.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

import thresher
from thresher import Catalog
from thresher.catalog.database import database, retries

RATED = 3
"""The clips that all contenders rate and tag: the first ones."""

ROUNDS_OF_INGEST = 20
"""The number of rounds after each of which there is a file to ingest."""


def contend(catalog: Catalog, name: str, rounds: int) -> None:
    """Change the same clips and the same song as the others, and add files and a song of its own."""
    chance = random.Random(name)
    files = sorted(Path(name).iterdir())
    for number in range(rounds):
        clip_id = str(chance.randint(1, RATED))
        thresher.rate(catalog, [clip_id], chance.randint(1, 5))
        thresher.tag(catalog, [clip_id], add=[f"{name} {number}"])
        thresher.save_song(catalog, chance.choice(["both", name]), [f"id:1..{1 + number}"])
        if number % ROUNDS_OF_INGEST == 0:
            thresher.ingest(catalog, [files[number // ROUNDS_OF_INGEST]])


def main(name: str, rounds: int) -> None:
    """Contend, and print what it took."""
    lost: Counter[str] = Counter()
    alone = 0
    may_succeed, writing = retries.may_succeed, database.writing

    def counting(error: BaseException, **keywords: Any) -> bool:
        found = may_succeed(error, **keywords)
        if found:
            lost[str(getattr(getattr(error, "orig", error), "sqlstate", None))] += 1
        return found

    def noting(*arguments: Any, **keywords: Any) -> Any:
        nonlocal alone
        alone += bool(keywords.get("alone"))
        return writing(*arguments, **keywords)

    with (
        mock.patch.object(retries, "may_succeed", counting),
        mock.patch.object(database, "writing", noting),
        Catalog.open("catalog.toml") as catalog,
    ):
        contend(catalog, name, rounds)
    print(json.dumps({"lost": lost, "alone": alone}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""The watch of a catalog tells all streams what is newest, and ends them."""

from __future__ import annotations

import asyncio

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import note
from thresher.curation.clips.latest import latest
from thresher.interfaces.web.room.changes import QUEUED, Change, Changes


def test_streams_get_the_present_state_and_every_change_until_the_end(shelf: Catalog) -> None:
    async def trial() -> list[Change]:
        changes = Changes(shelf)
        changes.start()
        seen = []
        async for change in changes.stream():
            seen.append(change)
            if len(seen) == 1:
                await asyncio.to_thread(note, shelf, ["1"], "from elsewhere")
            else:
                changes.stop()
        return seen

    first, second = asyncio.run(asyncio.wait_for(trial(), 30))
    assert first.clip == 4
    assert second.decision == latest(shelf).decision > first.decision


def test_a_stream_that_begins_before_a_change_is_spread_gets_it_once(shelf: Catalog) -> None:
    async def trial() -> list[int]:
        changes = Changes(shelf)
        changes._loop = asyncio.get_running_loop()
        changes._tell(Change(1))
        stream = changes.stream()
        decisions = [(await anext(stream)).decision]
        changes._tell(Change(2))
        return [*decisions, (await anext(stream)).decision]

    assert asyncio.run(trial()) == [1, 2]


def test_a_page_that_does_not_read_gets_only_the_latest_changes(shelf: Catalog) -> None:
    async def trial() -> int:
        changes = Changes(shelf)
        changes._has_looked = True
        stream = changes.stream()
        await anext(stream)
        for decision in range(3 * QUEUED):
            changes._spread(Change(decision))
        return (await anext(stream)).decision

    assert asyncio.run(trial()) == 2 * QUEUED

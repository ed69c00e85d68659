"""A sequence with some of its clips at places of their own: what musicians pin, and what the ordering leaves them.

Clips are ids, each once in a sequence; places are counted from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


def place(
    order: Sequence[int], places: Mapping[int, int], together: Sequence[tuple[int, int]] = ()
) -> tuple[int, ...]:
    """The clips of `order` with those in `places` at their places, and the second of each pair behind the first.

    All others keep the order that they have, and flow around. Clips that belong together lie where the first of
    them would, or where one of them is pinned. Of pins that can't all be had the smaller places win; a group that
    fits nowhere between pins is taken apart. What `order` does not hold is passed over.
    """
    board = _Board(len(order))
    groups = _groups(order, together)
    pinned = [group for group in groups if any(clip in places for clip in group)]
    free = [group for group in groups if group not in pinned]
    for group in sorted(pinned, key=lambda each: min(places[clip] for clip in each if clip in places)):
        first, anchor = next((n, clip) for n, clip in enumerate(group) if clip in places)
        if not board.put(group, places[anchor] - first):
            free.append(group)
    rank = {clip: at for at, clip in enumerate(order)}
    free.sort(key=lambda group: rank[group[0]])
    taken = list(board.slots)
    board.fill(list(free))
    if unmet(board.clips, {}, together)[1]:
        # others came first to the gaps that hold them: now the longest groups choose first, the smallest that does
        board.slots = taken
        long = sorted((group for group in free if len(group) > 1), key=len, reverse=True)
        left = [group for group in long if not board.put_in_a_gap(group)]
        board.fill([group for group in free if len(group) == 1 or group in left])
    return board.clips


def unmet(
    order: Sequence[int], places: Mapping[int, int], together: Sequence[tuple[int, int]] = ()
) -> tuple[list[int], list[tuple[int, int]]]:
    """The clips of `order` that are not at their places, and the pairs of which the second is not behind the
    first."""
    at = {clip: index for index, clip in enumerate(order)}
    return (
        [clip for clip in places if clip in at and at[clip] != places[clip]],
        [pair for pair in together if pair[0] in at and pair[1] in at and at[pair[1]] != at[pair[0]] + 1],
    )


def _groups(order: Sequence[int], together: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The clips in groups that belong together, in the order of their first clips."""
    known = set(order)
    following = {one: other for one, other in together if one in known and other in known}
    followers = set(following.values())
    groups = []
    for clip in order:
        if clip not in followers:
            group = [clip]
            while group[-1] in following:
                group.append(following[group[-1]])
            groups.append(group)
    return groups


@dataclass
class _Board:
    """So many places, some of them taken."""

    size: int
    slots: list[int | None] = field(init=False)

    def __post_init__(self) -> None:
        self.slots = [None] * self.size

    @property
    def clips(self) -> tuple[int, ...]:
        """What is there, in order."""
        return tuple(clip for clip in self.slots if clip is not None)

    def put(self, group: Sequence[int], start: int) -> bool:
        """Take the places from `start` on for a group, if they are free."""
        end = start + len(group)
        if start < 0 or end > self.size or any(clip is not None for clip in self.slots[start:end]):
            return False
        self.slots[start:end] = group
        return True

    def put_in_a_gap(self, group: Sequence[int]) -> bool:
        """Take the first places of the smallest gap that holds a group, if one does."""
        gaps = sorted((end - start, start) for start, end in self._gaps() if end - start >= len(group))
        return bool(gaps) and self.put(group, gaps[0][1])

    def fill(self, groups: list[list[int]]) -> None:
        """Take the free places for groups in their order; one that is too long for a gap comes in a later one."""
        for start, end in list(self._gaps()):
            at = start
            while at < end:
                fitting = next((n for n, group in enumerate(groups) if len(group) <= end - at), None)
                group = groups.pop(fitting or 0)
                if fitting is None:
                    group, rest = group[: end - at], group[end - at :]
                    groups.insert(0, rest)
                self.slots[at : at + len(group)] = group
                at += len(group)

    def _gaps(self) -> Iterator[tuple[int, int]]:
        start = 0
        while start < self.size:
            if self.slots[start] is not None:
                start += 1
                continue
            end = start
            while end < self.size and self.slots[end] is None:
                end += 1
            yield start, end
            start = end

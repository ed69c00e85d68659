"""Pinned clips: a sequence in which some clips have fixed positions or stay together.

Clips are ids, each once in a sequence; positions count from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


def apply_pins(
    order: Sequence[int], positions: Mapping[int, int], together: Sequence[tuple[int, int]] = ()
) -> tuple[int, ...]:
    """Move the clips in `positions` to their positions, and the second clip of each pair right after the first.

    All other clips keep their order and fill the remaining positions. A group of clips that stay together takes
    the position of its first clip, unless one of them is pinned. If pins conflict, smaller positions take
    precedence. A group that does not fit between pins is split. Clips that are not in `order` are ignored.
    """
    board = _Board(len(order))
    groups = _groups(order, together)
    pinned = [group for group in groups if any(clip in positions for clip in group)]
    free = [group for group in groups if group not in pinned]
    for group in sorted(pinned, key=lambda each: min(positions[clip] for clip in each if clip in positions)):
        first, anchor = next((n, clip) for n, clip in enumerate(group) if clip in positions)
        if not board.put(group, positions[anchor] - first):
            free.append(group)
    rank = {clip: at for at, clip in enumerate(order)}
    free.sort(key=lambda group: rank[group[0]])
    taken = list(board.slots)
    board.fill(list(free))
    if displaced(board.clips, {}, together)[1]:
        # Earlier clips took the gaps that would hold a group. Now the longest groups choose first, each the
        # smallest gap that holds it.
        board.slots = taken
        long = sorted((group for group in free if len(group) > 1), key=len, reverse=True)
        left = [group for group in long if not board.put_in_a_gap(group)]
        board.fill([group for group in free if len(group) == 1 or group in left])
    return board.clips


def displaced(
    order: Sequence[int], positions: Mapping[int, int], together: Sequence[tuple[int, int]] = ()
) -> tuple[list[int], list[tuple[int, int]]]:
    """The clips of `order` that are not at their positions, and the pairs that are not next to each other."""
    at = {clip: index for index, clip in enumerate(order)}
    return (
        [clip for clip in positions if clip in at and at[clip] != positions[clip]],
        [pair for pair in together if pair[0] in at and pair[1] in at and at[pair[1]] != at[pair[0]] + 1],
    )


def _groups(order: Sequence[int], together: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The clips in groups that stay together, in the order of their first clips."""
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
    """A number of slots for clips, some of them taken."""

    size: int
    slots: list[int | None] = field(init=False)

    def __post_init__(self) -> None:
        self.slots = [None] * self.size

    @property
    def clips(self) -> tuple[int, ...]:
        """The clips in the slots, in order."""
        return tuple(clip for clip in self.slots if clip is not None)

    def put(self, group: Sequence[int], start: int) -> bool:
        """Put a group into the slots from `start` on, if they are free; returns whether they were."""
        end = start + len(group)
        if start < 0 or end > self.size or any(clip is not None for clip in self.slots[start:end]):
            return False
        self.slots[start:end] = group
        return True

    def put_in_a_gap(self, group: Sequence[int]) -> bool:
        """Put a group into the smallest gap that holds it; returns whether there is one."""
        gaps = sorted((end - start, start) for start, end in self._gaps() if end - start >= len(group))
        return bool(gaps) and self.put(group, gaps[0][1])

    def fill(self, groups: list[list[int]]) -> None:
        """Put groups into the free slots in order. A group that is too long for a gap goes into a later one."""
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

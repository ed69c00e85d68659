"""The positions of clips in time, and the limits of a song, for lengths alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.curation.songs.placement import placed, within_limits
from thresher.curation.songs.settings import SongSettings
from thresher.signal.ordering.orderings import Ordering

LENGTHS = st.lists(st.integers(0, 50_000), max_size=8)


def settings(**changes: Any) -> SongSettings:
    return SongSettings("", Ordering("pairs"), "prefix", **changes)


@pytest.mark.parametrize(
    ("lengths", "changes", "expected"),
    [
        ([], {}, []),
        ([400], {"crossfade": 1.0, "gap": 0.0}, [(0, 0)]),
        ([400, 300, 500], {}, [(0, 0), (400, 0), (700, 0)]),
        ([400, 300, 500], {"gap": 0.25}, [(0, 0), (425, 0), (750, 0)]),
        ([400, 300, 500], {"crossfade": 0.5}, [(0, 0), (350, 50), (600, 50)]),
        # a crossfade takes at most half of the shorter clip
        ([400, 300, 500], {"crossfade": 30.0}, [(0, 0), (250, 150), (400, 150)]),
        # an overlap that would be shorter than a fade is replaced by no overlap
        ([400, 30, 500], {"crossfade": 0.5, "fade": 0.2}, [(0, 0), (400, 0), (430, 0)]),
    ],
)
def test_clips_start_after_the_clip_before_with_an_overlap_or_a_gap(
    lengths: list[int], changes: dict[str, float], expected: list[tuple[int, int]]
) -> None:
    assert placed(lengths, settings(**changes), sample_rate=100) == expected


@given(LENGTHS, st.floats(0, 3), st.floats(0, 0.5))
def test_two_crossfades_never_meet_inside_a_clip(lengths: list[int], crossfade: float, fade: float) -> None:
    found = placed(lengths, settings(crossfade=crossfade, fade=fade), sample_rate=8_000)
    assert all(overlap <= round(crossfade * 8_000) for _, overlap in found)
    overlaps = [*(overlap for _, overlap in found), 0]
    for length, (before, after) in zip(lengths, pairwise(overlaps), strict=True):
        assert before + after <= length


@given(LENGTHS, st.floats(0, 3), st.floats(0, 3))
def test_each_clip_starts_at_the_end_of_the_clip_before_less_its_overlap(
    lengths: list[int], crossfade: float, gap: float
) -> None:
    chosen = settings(crossfade=crossfade) if crossfade > gap else settings(gap=gap)
    found = placed(lengths, chosen, sample_rate=8_000)
    silence = round(chosen.gap * 8_000)
    for (start, _), length, (following, overlap) in zip(found, lengths, found[1:], strict=False):
        assert following == start + length - overlap + silence


@pytest.mark.parametrize(
    ("body", "final", "changes", "expected"),
    [
        ([], [], {"length": 1.0, "clips": 1}, (0, True)),
        ([4.0, 4.0, 4.0], [], {}, (3, True)),
        ([4.0, 4.0, 4.0], [], {"clips": 2}, (2, True)),
        ([4.0, 4.0, 4.0], [], {"length": 8.0}, (2, True)),
        ([4.0, 4.0, 4.0], [], {"length": 7.9}, (1, True)),
        # the sum of these floats is more than 6.3
        ([2.1, 2.1, 2.1], [], {"length": 6.3}, (3, True)),
        ([2.1, 2.1], [2.1], {"length": 6.3}, (2, True)),
        ([2.1, 2.1, 2.1 + 1 / 384_000], [], {"length": 6.3}, (2, True)),
        # clips are kept in order: a short clip after one that does not fit is left out, too
        ([4.0, 9.0, 1.0], [], {"length": 6.0}, (1, True)),
        ([4.0, 4.0, 4.0], [], {"length": 10.0, "crossfade": 1.0}, (3, True)),
        ([4.0, 4.0, 4.0], [], {"length": 13.9, "gap": 1.0}, (2, True)),
        ([4.0, 4.0, 4.0], [2.0], {"length": 10.0}, (2, True)),
        ([4.0, 4.0, 4.0], [2.0], {"clips": 2}, (1, True)),
        ([4.0, 4.0, 4.0], [2.0], {"length": 9.0, "crossfade": 0.5}, (2, True)),
        # final clips that alone exceed a limit are left out
        ([4.0, 4.0, 4.0], [9.0], {"length": 8.0}, (2, False)),
        ([4.0, 4.0, 4.0], [1.0, 1.0], {"clips": 1}, (1, False)),
    ],
)
def test_limits_keep_the_first_clips_and_the_final_ones(
    body: list[float], final: list[float], changes: dict[str, Any], expected: tuple[int, bool]
) -> None:
    assert within_limits(body, final, settings(**changes)) == expected


@given(
    st.lists(st.integers(1, 50_000), min_size=1, max_size=8),
    st.floats(0, 3),
    st.floats(0, 3),
    st.floats(0, 40),
)
def test_the_kept_clips_are_as_many_as_the_length_allows(
    lengths: list[int], crossfade: float, gap: float, longest: float
) -> None:
    """Limits count in seconds and positions in frames, so the two may differ by the rounding of each start."""
    chosen = {"crossfade": crossfade} if crossfade > gap else {"gap": gap}
    limited = settings(length=longest, fade=0.0, **chosen)
    kept, _ = within_limits([length / 8_000 for length in lengths], [], limited)

    def seconds(count: int) -> float:
        starts = placed(lengths[:count], limited, sample_rate=8_000)
        return (starts[-1][0] + lengths[count - 1]) / 8_000 if count else 0.0

    assert seconds(kept) <= longest + len(lengths) / 8_000
    if kept < len(lengths):
        assert seconds(kept + 1) > longest - len(lengths) / 8_000


@pytest.mark.parametrize(
    ("body", "final", "changes", "expected"),
    [
        ([4.0, 4.0, 4.0], [], {"length": 8.0}, (2, True)),
        ([4.0, 4.0, 4.0], [], {"length": 7.9}, (1, True)),
        ([4.0, 4.0, 4.0], [], {"clips": 2}, (2, True)),
        ([4.0, 4.0], [4.0], {"clips": 2}, (1, True)),
        ([4.0, 4.0], [4.0], {"clips": 1}, (0, True)),
        ([4.0, 4.0], [4.0, 4.0], {"clips": 1}, (1, False)),
        ([4.0, 4.0], [4.0], {"length": 4.0}, (0, True)),
        ([3.0, 3.0], [4.0], {"length": 3.9}, (1, False)),
        ([4.0, 4.0, 4.0], [], {"length": 8.5, "gap": 0.5}, (2, True)),
        ([4.0, 4.0, 4.0], [], {"length": 8.4, "gap": 0.5}, (1, True)),
        ([4.0, 4.0, 4.0], [], {"length": 11.0, "crossfade": 0.5}, (3, True)),
        # no clip is passed over for a shorter one
        ([4.0, 9.0, 1.0], [], {"length": 6.0}, (1, True)),
    ],
)
def test_clips_are_taken_in_order_while_they_fit_in_front_of_the_last_ones(
    body: list[float], final: list[float], changes: dict[str, Any], expected: tuple[int, bool]
) -> None:
    assert within_limits(body, final, settings(**changes)) == expected

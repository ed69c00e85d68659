"""Songs name heirs wherever they named the clips before."""

from __future__ import annotations

from thresher.catalog.edits import LAST, Edits
from thresher.curation.cutting.carrying import with_heirs
from thresher.curation.songs.settings import SongSettings
from thresher.signal.ordering.orderings import parse_ordering


def test_heirs_take_every_place_of_a_clip_in_a_song() -> None:
    settings = SongSettings(
        "rating:4",
        parse_ordering("chain:3..4"),
        "prefix",
        edits=Edits((3, 8), (4,), ((3, 1), (5, LAST)), ((3, 5),)),
        manual=(5, 4, 3),
    )
    changed = with_heirs(settings, {3: 30, 4: 40})
    assert str(changed.ordering) == "chain:30..40"
    assert changed.edits == Edits((30, 8), (40,), ((30, 1), (5, LAST)), ((30, 5),))
    assert changed.manual == (5, 40, 30)
    assert with_heirs(settings, {}) == settings

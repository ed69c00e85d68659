"""Tables in terminals of any width: nothing overflows, nothing that counts is lost silently."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from thresher.interfaces.cli.output import printable
from thresher.interfaces.cli.table import (
    GAP,
    NARROWEST,
    Column,
    Keep,
    Shown,
    cells_of,
    cut,
    fitted,
    print_table,
    write_plainly,
    write_with_rich,
)


def column(title: str, keep: Keep = Keep.ALL, rank: int = 0) -> Column:
    return Column(title, lambda row: row, keep=keep, rank=rank)


COLUMNS = st.lists(
    st.tuples(st.sampled_from(list(Keep)), st.integers(0, 3), st.integers(1, 90)), min_size=1, max_size=9
)


@given(COLUMNS, st.integers(20, 200))
def test_what_can_fit_fits(given_columns: list[tuple[Keep, int, int]], width: int) -> None:
    columns = [
        (column(f"c{number}", keep, rank), max(2, natural))
        for number, (keep, rank, natural) in enumerate(given_columns)
    ]
    widths, left_out = fitted(columns, width)
    assert {*widths, *left_out} == {each.title for each, _ in columns}
    natural = {each.title: size for each, size in columns}
    total = sum(size + GAP for size in widths.values()) - GAP
    for each, size in columns:
        if each.title in widths:
            least = size if each.keep is Keep.ALL else min(size, NARROWEST)
            assert least <= widths[each.title] <= size
            assert each.rank == 0 or total <= width  # none that could be left out stays in a table too wide
        else:
            assert each.rank > 0
    if any(size < natural[title] for title, size in widths.items()):
        assert total >= min(width, total)
        assert total <= width or all(each.rank == 0 for each, _ in columns if each.title in widths)


def test_the_highest_rank_goes_first_and_no_more_than_needed() -> None:
    columns = [(column("id"), 4), (column("step", rank=4), 10), (column("run", rank=2), 10)]
    assert fitted(columns, 30) == ({"id": 4, "step": 10, "run": 10}, [])
    assert fitted(columns, 29) == ({"id": 4, "run": 10}, ["step"])
    assert fitted(columns, 16) == ({"id": 4}, ["step", "run"])


def test_long_texts_share_what_is_left() -> None:
    columns = [(column("path", Keep.END), 100), (column("run", Keep.START), 20), (column("id"), 4)]
    assert fitted(columns, 80)[0] == {"path": 50, "run": 20, "id": 4}
    assert fitted(columns, 40)[0] == {"path": 15, "run": 15, "id": 4}
    assert fitted(columns, 400)[0] == {"path": 100, "run": 20, "id": 4}


@pytest.mark.parametrize(
    ("keep", "shown"),
    [
        (Keep.START, "runs/night…"),
        (Keep.END, "…ep12-s1.wa"),
        (Keep.ALL, None),
        (Keep.BOTH_ENDS, "run…2-s1.wa"),
    ],
)
def test_a_cut_keeps_the_end_that_counts(keep: Keep, shown: str | None) -> None:
    text = "runs/night/samples/ep12-s1.wa"
    assert cut(text, 11, keep) == (shown or text)


@given(
    st.text(st.characters(exclude_categories=["C"]), max_size=40),
    st.integers(2, 30),
    st.sampled_from(list(Keep)),
)
def test_a_cut_is_never_wider(text: str, width: int, keep: Keep) -> None:
    done: Any = cut(text, width, keep)
    assert keep in (Keep.ALL, Keep.LINES) or cell_len(done) <= width
    assert cell_len(text) > width or done == text


TEXTS = st.text("ab 0[]:é…中🦈", max_size=9).map(printable)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(TEXTS.filter(bool), st.booleans(), st.lists(TEXTS, min_size=3, max_size=3)), min_size=1
    )
)
def test_a_table_in_a_file_is_the_same_with_and_without_rich(
    columns: list[tuple[str, bool, list[str]]],
) -> None:
    shown = [
        Shown(title, cells, max(map(cells_of, [title, *cells])), is_number)
        for title, is_number, cells in columns
    ]
    assert _written(lambda: write_plainly(shown)) == _written(lambda: write_with_rich(shown, 80))


def _written(write: Callable[[], object]) -> str:
    with redirect_stdout(io.StringIO()) as out:
        write()
    return out.getvalue()


def test_a_name_wider_than_its_column_goes_on_in_the_next_line() -> None:
    name = "a-name-of-a-run-without-a-blank"
    written = _written(lambda: write_with_rich([Shown("run", [name], 12, wraps=True)], 12))
    assert "".join(line.strip() for line in written.splitlines()[2:]) == name


def test_only_long_texts_on_several_lines_need_rich_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.table", None)  # an import fails
    columns = [column("id"), column("what", keep=Keep.LINES)]
    assert (
        _written(lambda: print_table(["short"], columns, str))
        == "id      what \n─────────────\nshort   short\n"
    )
    with pytest.raises(ImportError):
        _written(lambda: print_table(["long " * 500], columns, str))

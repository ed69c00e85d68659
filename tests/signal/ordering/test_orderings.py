"""Orderings as text, and the texts that are refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.errors import UsageError
from thresher.signal.ordering.orderings import Ordering, parse_ordering


@pytest.mark.parametrize(
    ("text", "ordering"),
    [
        ("pairs", Ordering("pairs")),
        ("epoch+", Ordering("field", field="epoch", descending=False)),
        ("score-", Ordering("field", field="score", descending=True)),
        ("score@prefix-", Ordering("field", field="score@prefix", descending=True)),
        ("train_loss+", Ordering("field", field="train_loss", descending=False)),
        ("pairs-", Ordering("field", field="pairs", descending=True)),
        ("shuffle:7", Ordering("shuffle", seed=7)),
        ("shuffle:-7", Ordering("shuffle", seed=-7)),
        ("shuffle:0", Ordering("shuffle", seed=0)),
    ],
)
def test_orderings_as_text(text: str, ordering: Ordering) -> None:
    assert parse_ordering(text) == ordering
    assert str(ordering) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("pair", 'did you mean "pairs"'),
        ("chainn", 'did you mean "chain"'),
        ("Pairs", 'did you mean "pairs"'),
        ("shufle:3", 'did you mean "shuffle:7"'),
        ("shuffle", 'did you mean "shuffle:7"'),
        ("shuffle:", "shuffle:SEED"),
        ("shuffle:x", "shuffle:SEED"),
        ("shuffle:٣", "shuffle:SEED"),
        ("shuffle:" + "9" * 5_000, "shuffle:SEED"),
        ("epoch", r'did you mean "epoch\+" or "epoch-"'),
        ("cfgScale", r'did you mean "cfgScale\+" or "cfgScale-"'),
        ("", "FIELD-"),
        ("+", "FIELD-"),
        ("epoch+\n", "FIELD-"),
        ("ep och+", "FIELD-"),
        ("score@-", "FIELD-"),
        ("pairs:1", "pairs"),
    ],
)
def test_an_unknown_ordering_is_refused_with_the_known_ones(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint) as refused:
        parse_ordering(text)
    assert "pairs, chain, shuffle:SEED, FIELD+, FIELD-" in str(refused.value)


@given(
    st.just(Ordering("pairs"))
    | st.builds(Ordering, st.just("shuffle"), seed=st.integers(-(10**17), 10**17))
    | st.builds(
        Ordering,
        st.just("field"),
        field=st.from_regex(r"[a-z_]+(@[a-z_]+)?", fullmatch=True),
        descending=st.booleans(),
    )
)
@settings(max_examples=30, deadline=None)
def test_an_ordering_is_restored_from_its_text(ordering: Ordering) -> None:
    assert parse_ordering(str(ordering)) == ordering

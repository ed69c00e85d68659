"""Songs and saved queries that a query names: find them, refuse cycles, and parse what they select."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from thresher.catalog.edits import Edits
from thresher.catalog.queries.context import Context, Query, SavedQuery, edited, with_defaults
from thresher.catalog.queries.fields import close_names
from thresher.catalog.queries.limits import MOST_SONGS
from thresher.catalog.queries.terms import Found, did_you_mean
from thresher.catalog.text.normal_form import nfc
from thresher.catalog.text.values import UnfitError
from thresher.errors import NotFoundError, QueryError
from thresher.formatting import listing_of

Within = tuple[tuple[str, str], ...]
"""The songs and saved queries that contain a query, as kind and name, the outermost first."""


class SelfSelectionError(UnfitError):
    """A song or saved query selects from itself, maybe through others; the message names them all."""


class Included:
    """Parses the songs and saved queries that one query names.

    `within` contain that query. `parse` parses the text of one of them, given what contains it.
    """

    def __init__(self, context: Context, within: Within, parse: Callable[[str, Within], Query]) -> None:
        self._context = context
        self._within = within
        self._parse = parse

    def song(self, name: str) -> Found:
        """Return what the song of that name selects, with the defaults of songs."""
        name = nfc(name)
        saved = self._named("song", name, self._context.songs())
        found = self._parsed("song", name, saved.text)
        selected = edited(found, saved.edits)
        added = saved.edits.added
        condition = with_defaults(selected, song=True, rule=saved.rule, added=added).condition
        is_and = saved.edits == Edits() and found.by_id is None
        height = found.height + (1 - found.is_all if is_and else 2)
        return Found(condition, height=height, is_all=True)

    def query(self, name: str) -> Query:
        """Return the saved query of that name."""
        name = nfc(name)
        saved = self._named("query", name, self._context.queries())
        return self._parsed("query", name, saved.text)

    def _named(self, kind: str, name: str, known: Mapping[str, SavedQuery]) -> SavedQuery:
        if (kind, name) in self._within:
            chain = [*self._within[self._within.index((kind, name)) :], (kind, name)]
            names = [each for _, each in chain]
            raise SelfSelectionError(
                f'the {_noun(kind)} "{name}" selects from itself: {" → ".join(names)}; give another query'
            )
        if len(self._within) == MOST_SONGS:
            raise UnfitError(
                f"more than {MOST_SONGS} songs or saved queries select from one another: "
                f"{self._within[0][1]} → …"
            )
        if name not in known:
            near = did_you_mean([f'"{each}"' for each in close_names(name, known)])
            shown = listing_of(kind, len(known))
            raise NotFoundError(f'no {_noun(kind)} named "{name}"; {f"{near}({shown})" if near else shown}')
        return known[name]

    def _parsed(self, kind: str, name: str, text: str) -> Query:
        try:
            return self._parse(text, (*self._within, (kind, name)))
        except QueryError as error:
            if isinstance(error.__context__, SelfSelectionError):  # it names all that are between
                raise SelfSelectionError(str(error.__context__)) from error
            raise UnfitError(f'{_noun(kind)} "{name}": {error}') from error


def _noun(kind: str) -> str:
    return "song" if kind == "song" else "saved query"

"""Run a transaction again if another program's transaction got in its way.

Transactions of a server run at the same time. Each behaves as if it were alone: where that is not possible, the
server ends one of them with an error, and it has to run again. The last tries run alone, so that a transaction that
lost several times succeeds.
"""

from __future__ import annotations

import random
import time
from typing import Protocol, TypeVar

from thresher.errors import CatalogError

T_co = TypeVar("T_co", covariant=True)

TRIES = 8
ALONE = 2
"""The number of last tries that run alone."""

FIRST_PAUSE = 0.02
"""The longest pause after the first try, in seconds; each try doubles it."""

_RANDOM = random.SystemRandom()  # without a state that forked processes would share

_SERIALIZATION_FAILURE = "40001"
_DEADLOCK = "40P01"
_UNIQUE_VIOLATION = "23505"


class Attempt(Protocol[T_co]):
    """Carries out a transaction, `alone` or not."""

    def __call__(self, *, alone: bool) -> T_co:
        """Return what the transaction returns."""


def repeated(attempt: Attempt[T_co]) -> T_co:
    """Return what `attempt` returns. It is called again, after a random pause, while its transaction loses.

    Raises what `attempt` raises if another try can't help, and CatalogError if the last try has lost, too.
    """
    for number in range(TRIES):
        if number:
            time.sleep(_RANDOM.uniform(0, FIRST_PAUSE * 2 ** (number - 1)))
        alone = number >= TRIES - ALONE
        try:
            return attempt(alone=alone)
        except Exception as error:
            if not may_succeed(error, alone=alone):
                raise
            lost = error
    raise CatalogError(
        f"other programs changed the same part of the catalog during each of {TRIES} tries; run the command again"
    ) from lost


def may_succeed(error: BaseException, *, alone: bool) -> bool:
    """Return whether a transaction that ended with `error` may succeed if it runs again.

    A row that exists already may have been added by a transaction that ran at the same time, but not if this one
    ran `alone`.
    """
    states = {getattr(each, "sqlstate", None) for each in _with_causes(error)}
    if _UNIQUE_VIOLATION in states:
        return not alone
    return not states.isdisjoint({_SERIALIZATION_FAILURE, _DEADLOCK})


def _with_causes(error: BaseException) -> list[BaseException]:
    """Return an error and what caused it, for an error of SQLAlchemy also that of the driver."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each in found:  # an error can be its own cause: `raise error from error`
            continue
        found.append(each)
        waiting += [cause for cause in (each.__cause__, getattr(each, "orig", None)) if cause is not None]
    return found

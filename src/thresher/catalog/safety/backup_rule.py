"""Which backups are kept.

Of the backups in the backup folder, the latest `[backup] keep` stay, and the last one of each of the last
`[backup] weeks` weeks. Only files with the names of backups of this database are ever removed, and only after a new
backup was made and checked. A file that is not a whole database does not count as a backup, and is not removed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from thresher.catalog.safety.backups import Backup, BackupPlace, find_backups, make_backup
from thresher.catalog.safety.database_copy import looks_whole
from thresher.progress import Progress, no_progress

_WEEK = 7 * 24 * 3600


def surplus(found: Sequence[Backup], keep: int, weeks: int, now: float) -> list[Backup]:
    """Return the backups that the rule removes; `found` are whole ones, `now` is in seconds since 1970.

    Backups whose time is in the future stay and do not count: the clock was set back, or names are of another
    time zone. Otherwise they would take the places of newer ones.
    """
    past = [each for each in found if each.made_at <= now]
    latest_first = sorted(past, key=lambda each: (each.made_at, each.number), reverse=True)
    kept = set(latest_first[:keep])
    last_of_week: dict[int, Backup] = {}
    for each in latest_first:
        last_of_week.setdefault(int(each.made_at // _WEEK), each)
    this_week = int(now // _WEEK)
    kept.update(each for week, each in last_of_week.items() if week > this_week - weeks)
    return [each for each in latest_first if each not in kept]


def backup_by_rule(
    place: BackupPlace, undone: str, progress: Progress = no_progress, *, may_be_damaged: bool = False
) -> Backup:
    """Make a backup, see `make_backup`, then remove those that the rule does not keep. Raises CatalogError."""
    made = make_backup(place, undone, progress, may_be_damaged=may_be_damaged)
    if not made.is_damaged:
        remove_surplus(place, made)
    return made


def remove_surplus(place: BackupPlace, made: Backup) -> list[Backup]:
    """Remove the backups that the rule does not keep after one was `made`; return them."""
    found = find_backups(place)
    whole = [each for each in found if not each.is_damaged and looks_whole(each.path)]
    removed = []
    for each in surplus(whole, place.keep, place.weeks, time.time()):
        if each.path != made.path:
            with suppress(OSError):  # it stays, and the next backup tries again
                each.path.unlink()
                removed.append(each)
    return removed

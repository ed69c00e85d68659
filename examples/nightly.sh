#!/bin/sh
# Bring a catalog up to date while nobody watches: ingest, list suspects, back up, write a report.
#
#   nightly.sh CATALOG-FOLDER RUNS…
#   15 4 * * *  /home/anna/nightly.sh /home/anna/music /data/runs     (in a crontab; mail shows what was printed)
#
# RUNS are folders, absolute or relative to the catalog's folder. It is safe to run the job twice: what did not change
# costs almost nothing, and no second backup is made of the same content.
# The exit code is 0 if all is well and 5 if files could not be used. On any other error, the job stops there with the
# exit code of the command that failed.
set -eu

if [ $# -lt 2 ]; then
    echo "usage: nightly.sh CATALOG-FOLDER RUNS…" >&2
    exit 2
fi
cd "$1"
shift
[ -e catalog.toml ] || thresher init

# 5 means that some files can't be used. They are printed, and the others are ingested.
problems=0
thresher ingest "$@" || problems=$?
[ "$problems" -eq 0 ] || [ "$problems" -eq 5 ] || exit "$problems"

# New clips that resemble rejected ones are flagged by the ingest. Nothing is rejected without a person.
echo "to check, because they resemble rejected clips:"
thresher list suspect:yes heard:no

thresher verify             # 3: something needs an action, so the backup of yesterday stays the latest
thresher backup             # old backups are removed by the rule in [backup]
thresher report -o report.html
exit "$problems"

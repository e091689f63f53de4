#!/bin/sh
# Prints what has changed since the last run, one line for each verdict: for cron, or at the beginning of a script of yours.
#
#   BACKUP=https://backup.lan ./changes-since.sh
#
# BACKUP  the address of backup-glance
# STATE   a file that remembers where to go on; the first run begins with the present moment
# CURL    options for curl, such as "--cacert root.crt" or "--netrc"
set -eu
BACKUP=${BACKUP:-https://backup.lan}
STATE=${STATE:-$HOME/.local/state/backup-glance-changes}

show='
import json, sys
answer = json.load(sys.stdin)
for change in answer["changes"]:
    who, before = change["service"] or change["member"], change["state_from"] or "-"
    print(change["at"], who, before, "->", change["state_to"], change["reason"] or "")
sys.stdout.flush()
with open(sys.argv[1], "w") as state:
    state.write("since={since}&skip={skip}".format(**answer["next"]))
sys.exit(10 if answer["more"] else 0)
'

if [ ! -s "$STATE" ]; then
    mkdir -p "$(dirname "$STATE")"
    date -u +'since=%Y-%m-%dT%H:%M:%SZ' >"$STATE"
fi

status=10
while [ "$status" = 10 ]; do
    # shellcheck disable=SC2086 # CURL holds several words
    answer=$(curl --fail --silent --show-error ${CURL:-} "$BACKUP/api/v1/changes?$(cat "$STATE")")
    status=0
    printf %s "$answer" | python3 -c "$show" "$STATE" || status=$?
done
exit "$status"

#!/bin/sh
# writer.sh [DIRECTORY] serves its own stats on a stat pipe.
# The directory must exist: install -d -m 1777 /tmp/stats-pipe
pipe=${1:-/tmp/stats-pipe}/$$.stats
publish() { mkfifo -m 644 "$pipe.new" && mv "$pipe.new" "$pipe"; } # atomic, so that a pipe always exists
trap 'rm -f "$pipe" "$pipe.new"' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE # a reader can close the pipe before it has read everything

publish || exit
reads=0
while :; do
	{ # runs when a reader opens the pipe; publish makes a new pipe for the next reader
		publish || exit
		reads=$((reads + 1))
		printf 'example.reads: %d\nexample.scripts: 1\n' "$reads"
	} 2>/dev/null >"$pipe" || sleep 1
done

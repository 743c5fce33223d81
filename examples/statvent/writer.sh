#!/bin/sh
# An example of a program that publishes its values on a stat pipe: writer.sh [DIRECTORY]
# The directory must exist: install -d -m 1777 /tmp/stats-pipe
pipe=${1:-/tmp/stats-pipe}/$$.stats
publish() { mkfifo -m 644 "$pipe.new" && mv "$pipe.new" "$pipe"; } # mv is atomic, so a pipe always exists
trap 'rm -f "$pipe" "$pipe.new"' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE # a reader may close the pipe early

publish || exit
reads=0
while :; do
	{ # runs when a reader opens the pipe, and makes a new pipe for the next reader
		publish || exit
		reads=$((reads + 1))
		printf 'example.reads: %d\nexample.scripts: 1\n' "$reads"
	} 2>/dev/null >"$pipe" || sleep 1
done

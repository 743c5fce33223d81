#!/usr/bin/env python3
"""A program that serves its own stats on a stat pipe: writer.py [DIRECTORY]

The directory must exist: install -d -m 1777 /tmp/stats-pipe
If the program dies, the next reader of the host's pipes removes its pipe."""
import os, sys, time

pipe = os.path.join(sys.argv[1] if len(sys.argv) > 1 else "/tmp/stats-pipe", "%d.stats" % os.getpid())
def publish():                             # atomic, so that there is always a pipe
    os.mkfifo(pipe + ".new", 0o644)
    os.rename(pipe + ".new", pipe)

publish()
reads = 0
while True:
    try:
        with open(pipe, "w") as out:       # waits for a reader
            publish()                      # the next reader gets its own pipe
            reads += 1
            out.write("example.reads: %d\nexample.load: %r\n" % (reads, os.getloadavg()[0]))
    except (IOError, OSError):             # the reader left early
        time.sleep(0.01)

#!/usr/bin/env python3
"""writer.py [DIRECTORY] serves its own stats on a stat pipe.
The directory must exist: install -d -m 1777 /tmp/stats-pipe
If the program dies, the next reader of the directory removes its pipe."""
import os, sys, time

pipe = os.path.join(sys.argv[1] if len(sys.argv) > 1 else "/tmp/stats-pipe", "%d.stats" % os.getpid())
def publish():                             # replaces the pipe atomically, so that a pipe always exists
    os.mkfifo(pipe + ".new", 0o644)
    os.rename(pipe + ".new", pipe)

publish()
reads = 0
while True:
    try:
        with open(pipe, "w") as out:       # waits until a reader opens the pipe
            publish()                      # makes a new pipe for the next reader
            reads += 1
            out.write("example.reads: %d\nexample.load: %r\n" % (reads, os.getloadavg()[0]))
    except (IOError, OSError):             # the reader left early
        time.sleep(0.01)

#!/usr/bin/env python3
"""An example of a program that publishes its values on a stat pipe: writer.py [DIRECTORY]

The directory must exist: install -d -m 1777 /tmp/stats-pipe
If the program is killed, the next process that reads the host's pipes removes its pipe."""
import os, sys, time

pipe = os.path.join(sys.argv[1] if len(sys.argv) > 1 else "/tmp/stats-pipe", "%d.stats" % os.getpid())
def publish():                             # the rename is atomic, so a pipe always exists
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
    except (IOError, OSError):             # the reader has closed the pipe early
        time.sleep(0.01)

# Makes the unit of the package from contrib/systemd/statsd.service. It changes the paths, adds
# the configuration file, and sets the user, which is the same as for the runit service.
s|^# statsd for systemd\. Settings are flags below, or|# statsd for systemd. Settings are lines of /etc/statsd/statsd.conf, or|
s|^# /etc/default/statsd\. Flags override variables\.|# /etc/default/statsd. Variables override lines.|
s|^Documentation=.*|Documentation=man:statsd(8)|
s|^ExecStart=.*|ExecStart=/usr/sbin/statsd --config /etc/statsd/statsd.conf|
s|^# A private user that exists while.*|# The user of the package. It can only write to|
s|^DynamicUser=yes|User=statsd\nGroup=statsd|
s|^StateDirectory=statsd|&\nStateDirectoryMode=0750|

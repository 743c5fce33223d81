package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/statsd-ops/statsd/intake/listen"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/server"
)

// listenScheme is a kind of listener.
type listenScheme struct {
	name listen.Scheme
	keys []flag // settings in the URL's query string
	// guard is the function that creates the check of senders. It is nil if this kind of listener
	// cannot check senders.
	guard func(*door) (listen.Guard, error)
}

var (
	datagramKeys = []flag{nameKey, {name: "receivers", kind: isCount}, {name: "buffer", kind: isBytes}}
	streamKeys   = []flag{nameKey, {name: "max", kind: isCount}, idleKey, lineKey}
	idleKey      = flag{name: "idle", kind: isDuration}
	lineKey      = flag{name: "line", kind: isPositive}
	socketKeys   = []flag{
		{name: "mode", kind: isMode, def: "0660"},
		{name: "owner"},
		{name: "group"},
		{name: "allow-uid", kind: isUsers},
		{name: "allow-gid", kind: isUsers},
	}
	framingKey = flag{name: "framing", choices: []string{string(listen.Auto), string(listen.Lines), string(listen.DogStatsD)}, def: string(listen.Auto)}
)

// listenSchemes lists all kinds of listeners.
var listenSchemes = []listenScheme{
	{name: listen.UDP, keys: slices.Concat(datagramKeys, allowKeys), guard: guardByAddress},
	{name: listen.HMAC, keys: slices.Concat(datagramKeys, allowKeys, signedKeys), guard: guardBySignature},
	{name: listen.TCP, keys: slices.Concat(streamKeys, allowKeys), guard: guardByAddress},
	{name: listen.TLS, keys: slices.Concat(encryptedKeys, allowKeys, serverKeys), guard: guardByCertificate},
	{name: listen.Unixgram, keys: slices.Concat([]flag{nameKey}, socketKeys)},
	{name: listen.Unix, keys: slices.Concat(streamKeys, socketKeys, []flag{framingKey})},
}

func listenSchemeNames() (names []string) {
	for _, s := range listenSchemes {
		names = append(names, string(s.name))
	}
	return names
}

// door is a listener in the settings.
type door struct {
	url        string // text of the URL in the settings
	scheme     *listenScheme
	host, port string // empty for a unix socket
	path       string // path of a unix socket
	settings
}

// maxSocketPath is the maximum length of the path of a socket file. The kernel's limit is 107 bytes. The daemon
// first creates the file under a name with the suffix .new, which must be within the limit too.
const maxSocketPath = 107 - len(".new")

// parseDoor parses the URL of a listener: SCHEME://HOST:PORT?KEY=VALUE&..., or SCHEME://PATH?... for a unix
// socket.
func parseDoor(text string) (*door, error) {
	i, rest, err := cutScheme(text, listenSchemeNames(), "udp://:8125 or unixgram:///run/statsd/dsd.socket")
	if err != nil {
		return nil, err
	}
	d := &door{url: text, scheme: &listenSchemes[i], settings: newSettings(listenSchemes[i].keys)}
	address, query, _ := strings.Cut(rest, "?")
	if err := d.setAddress(address); err != nil {
		return nil, err
	}
	if err := d.setOptions(string(d.scheme.name), text, query); err != nil {
		return nil, err
	}
	if err := d.checkFile(); err != nil {
		return nil, err
	}
	return d, d.checkName()
}

// setAddress sets the address from the part of the URL after the scheme.
func (d *door) setAddress(text string) (err error) {
	if d.scheme.name.Local() {
		if d.path, err = url.PathUnescape(text); err != nil {
			return err
		}
		switch name, abstract := strings.CutPrefix(d.path, "@"); {
		case strings.ContainsFunc(d.path, unicode.IsControl):
			return errors.New("the path of a socket cannot contain control characters")
		case abstract && name != "" && len(d.path) <= maxSocketPath:
			return nil
		case abstract || !filepath.IsAbs(d.path) || strings.HasSuffix(d.path, "/"):
			return fmt.Errorf("needs the path of a socket, as in %s:///run/statsd/dsd.socket, or @NAME for an abstract one", d.scheme.name)
		case len(d.path) > maxSocketPath:
			return fmt.Errorf("the path of a socket may have at most %d bytes, not %d", maxSocketPath, len(d.path))
		}
		d.path = filepath.Clean(d.path)
		return nil
	}
	u, port, err := parseHost(text, "8125")
	if err != nil {
		return err
	}
	d.host, d.port = u.Hostname(), port
	return nil
}

// checkFile returns an error if an abstract socket has settings for the permissions of a socket file. These
// settings would not protect an abstract socket.
func (d *door) checkFile() error {
	if !strings.HasPrefix(d.path, "@") {
		return nil
	}
	for _, key := range []string{"mode", "owner", "group"} {
		if d.given(key) {
			return fmt.Errorf("%s: an abstract socket has no file, so this setting has no effect: use allow-uid and allow-gid to limit who may send", key)
		}
	}
	return nil
}

// portOff reports whether the daemon does not open the port of --port, because --listen is given.
func (all settings) portOff() bool {
	return all.given("listen") && !all.given("port") && !all.given("name")
}

// addListeners adds all listeners in the settings to the configuration.
func (all settings) addListeners(cfg *server.Config) error {
	l := &cfg.Listen
	l.PortOff = all.portOff()
	taken := map[string]bool{}
	if !l.PortOff {
		taken["udp"], taken["tcp"] = true, true
	}
	var doors []*door
	for _, v := range all.get("listen").values {
		d, err := parseDoor(v.text)
		if err != nil {
			return metric.FlagErrorf("--listen", v.text, "%w", err)
		}
		if slices.ContainsFunc(doors, func(other *door) bool { return other.url == d.url }) {
			return d.fault(errors.New("given twice"))
		}
		if name := d.text("name"); name != "" && taken[name] {
			return d.fault(fmt.Errorf("name: another listener has the name %s", name))
		}
		taken[d.text("name")] = true
		doors = append(doors, d)
	}
	for _, d := range doors {
		made, err := d.listener(all, taken)
		if err != nil {
			return d.fault(err)
		}
		l.Listeners = append(l.Listeners, made)
		if d.scheme.guard == nil {
			continue
		}
		guard, err := d.scheme.guard(d)
		if err != nil {
			return d.fault(err)
		}
		if guard != nil {
			if cfg.Guards == nil {
				cfg.Guards = map[string]listen.Guard{}
			}
			cfg.Guards[made.URL] = guard
		}
	}
	return nil
}

// listener returns the configuration of a listener. A listener without a name is named after its scheme, with a
// number if there are several.
func (d *door) listener(all settings, taken map[string]bool) (l listen.Listener, err error) {
	base := strings.ReplaceAll(string(d.scheme.name), "+", "-")
	name := cmp.Or(d.text("name"), base)
	for n := 2; d.text("name") == "" && taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	l = listen.Listener{URL: d.lasting(), Name: name, Scheme: d.scheme.name, Address: d.path}
	switch {
	case l.Scheme.Local():
		l.Mode, _ = parseMode(d.text("mode"))
		l.User, l.Group = d.text("owner"), d.text("group")
		if _, err = ids("owner", l.User, listen.UserID); err != nil {
			return l, err
		}
		if _, err = ids("group", l.Group, listen.GroupID); err != nil {
			return l, err
		}
		if l.UIDs, err = ids("allow-uid", d.text("allow-uid"), listen.UserID); err != nil {
			return l, err
		}
		if l.GIDs, err = ids("allow-gid", d.text("allow-gid"), listen.GroupID); err != nil {
			return l, err
		}
	default:
		l.Address = net.JoinHostPort(d.host, d.port)
	}
	if l.Scheme.Datagrams() {
		l.Receivers, l.Buffer = all.count("receivers"), all.bytes("udp-buffer")
		d.override("receivers", func() { l.Receivers = d.count("receivers") })
		d.override("buffer", func() { l.Buffer = cmp.Or(d.bytes("buffer"), -1) })
		return l, nil
	}
	l.Max, l.Idle, l.Line = d.count("max"), d.duration("idle"), d.duration("line")
	d.override("max", func() { l.Max = cmp.Or(l.Max, -1) })
	d.override("idle", func() { l.Idle = cmp.Or(l.Idle, -1) })
	if d.get("framing") != nil {
		l.Framing = listen.Framing(d.text("framing"))
	}
	return l, nil
}

// override calls set if the URL contains the key.
func (d *door) override(key string, set func()) {
	if s := d.get(key); s != nil && len(s.values) > 0 {
		set()
	}
}

// ids converts a comma-separated list of users or groups to their ids.
func ids(key, text string, of func(string) (int, error)) (all []uint32, err error) {
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		n, err := of(word)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		all = append(all, uint32(n))
	}
	return all, nil
}

func (d *door) fault(err error) error { return metric.FlagErrorf("--listen", d.url, "%w", err) }

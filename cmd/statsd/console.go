package main

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"github.com/statsd-ops/statsd/console"
)

// parseConsole parses the address of the management console. It returns "" if the console is off.
func parseConsole(text string) (string, error) {
	switch {
	case text == "off" || text == "":
		return "", nil
	case !strings.Contains(text, ":"):
		text = ":" + text
	}
	if (console.Config{Address: text}).Validate() != nil {
		return "", fmt.Errorf("must be HOST:PORT, a port or off, not %q", strings.TrimPrefix(text, ":"))
	}
	return text, nil
}

// shown returns the current settings for the console. The parameter restart lists the flags whose
// change needs a restart. For these flags, shown returns the values in the parameter started.
func (all settings) shown(started settings, restart []string) (shown []console.Setting) {
	for _, s := range all.running(started, restart) {
		if s.group == groupAbout {
			continue
		}
		values := s.effective()
		for i, v := range values {
			name := s.name
			if len(values) > 1 {
				name = fmt.Sprintf("%s > %d", s.name, i)
			}
			shown = append(shown, console.Setting{Name: name, Value: cmp.Or(s.withoutSecret(v.text), `""`)})
		}
	}
	return shown
}

// withoutSecret replaces the secret parts of a value. The URLs of notifiers are secret, because everyone who
// knows such a URL can post to it.
func (s *setting) withoutSecret(text string) string {
	if u, err := url.Parse(text); s.kind == isURL && err == nil && text != "" {
		return u.Scheme + "://" + u.Host + "/***"
	}
	return withoutPassword(text)
}

// withoutPassword replaces the password in a URL.
func withoutPassword(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "(hidden: not a URL)"
	}
	if _, has := u.User.Password(); !has {
		return text
	}
	// Redacted writes "xxxxx" instead of the password. Put the stars into the text and not into u, because url.URL
	// would escape them.
	return strings.Replace(u.Redacted(), ":xxxxx@", ":***@", 1)
}

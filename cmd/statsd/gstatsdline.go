package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// fromGstatsd translates a gstatsd command line to a statsd command line. Long flags that gstatsd does not have
// stay unchanged.
func fromGstatsd(args []string) (arguments, error) {
	l := gstatsdLine{rest: args, given: map[string][]value{}, same: arguments{typed: map[string]string{}}}
	for len(l.rest) > 0 {
		arg := l.rest[0]
		l.rest = l.rest[1:]
		var err error
		switch {
		case strings.HasPrefix(arg, "--"):
			err = l.long(arg)
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			err = l.short(arg[1:])
		default:
			l.same.args = append(l.same.args, arg)
		}
		if err != nil {
			return l.same, err
		}
	}
	err := l.translate()
	return l.same, err
}

// gstatsdLine is a gstatsd command line in the process of being parsed.
type gstatsdLine struct {
	rest  []string
	given map[string][]value // values by long flag name, with the text that the user typed; a switch has an empty value
	same  arguments          // the translated command line
}

// long parses a long flag: --flush 5 or --flush=5.
func (l *gstatsdLine) long(arg string) error {
	name, text, attached := strings.Cut(arg[2:], "=")
	i := slices.IndexFunc(gstatsdFlags, func(f gstatsdFlag) bool { return f.long == name })
	switch {
	case i < 0, gstatsdFlags[i].holder == "" && attached:
		l.same.args = append(l.same.args, arg)
		return nil
	case gstatsdFlags[i].holder == "" || attached:
		l.given[name] = append(l.given[name], value{text, arg})
		return nil
	}
	return l.value(name, arg)
}

// short parses the letters of short flags after the dash: -f 5, -f5, -vvD, -Df5.
func (l *gstatsdLine) short(letters string) error {
	for letters != "" {
		i := slices.IndexFunc(gstatsdFlags, func(f gstatsdFlag) bool { return f.short == letters[0] })
		if i < 0 {
			return usageError(fmt.Sprintf("unknown short flag '-%c'", letters[0]))
		}
		f, arg := gstatsdFlags[i], "-"+letters
		letters = letters[1:]
		switch {
		case f.holder != "" && letters == "":
			return l.value(f.long, arg)
		case f.holder != "":
			l.given[f.long] = append(l.given[f.long], value{letters, arg})
			return nil
		}
		l.given[f.long] = append(l.given[f.long], value{})
	}
	return nil
}

// value takes the next argument as the value of a flag.
func (l *gstatsdLine) value(name, arg string) error {
	if len(l.rest) == 0 {
		return usageError(arg + " needs a value")
	}
	l.given[name] = append(l.given[name], value{l.rest[0], arg + " " + l.rest[0]})
	l.rest = l.rest[1:]
	return nil
}

// last returns the last value of a flag, or an empty value.
func (l *gstatsdLine) last(name string) value {
	values := l.given[name]
	if len(values) == 0 {
		return value{}
	}
	return values[len(values)-1]
}

// add adds a statsd flag, with the text that the user typed.
func (l *gstatsdLine) add(name, text, typed string) {
	arg := "--" + name + "=" + text
	l.same.args = append(l.same.args, arg)
	l.same.typed[arg] = typed
}

// translate adds the statsd flags that are equivalent to the parsed gstatsd flags.
func (l *gstatsdLine) translate() error {
	if !slices.ContainsFunc(l.same.args, isDialect) {
		l.same.args = append(l.same.args, "--dialect=gstatsd")
	}
	for _, f := range gstatsdFlags {
		switch {
		case f.same == "" || l.given[f.long] == nil:
		case f.holder == "":
			l.same.args = append(l.same.args, "--"+f.same)
		default:
			v := l.last(f.long)
			l.add(f.same, v.text, v.origin)
		}
	}
	if n := len(l.given["verbose"]); n > 0 {
		l.same.args = append(l.same.args, "--debug")
		if n > 1 {
			l.same.args = append(l.same.args, "--debug-metric=:") // every line contains a colon, so every line is logged
		}
	}
	if err := l.bind(); err != nil {
		return err
	}
	return l.sinks()
}

// bind adds the address to listen on: HOST:PORT, :PORT or PORT.
func (l *gstatsdLine) bind() error {
	if l.given["bind"] == nil {
		return nil
	}
	v := l.last("bind")
	host, port := "", v.text
	if _, err := strconv.Atoi(port); err != nil {
		if host, port, err = net.SplitHostPort(v.text); err != nil {
			return fmt.Errorf("%s: invalid bind address: it must be HOST:PORT, :PORT or a port", v.origin)
		}
	}
	if host != "" {
		l.add("name", host, v.origin)
	}
	l.add("port", port, v.origin)
	return nil
}

// sinks adds the sinks. All sinks have the type of --type, except sinks that are given as a URL.
func (l *gstatsdLine) sinks() error {
	scheme := l.last("type")
	if l.given["type"] != nil && !slices.Contains(gstatsdTypes, scheme.text) {
		return fmt.Errorf("%s: must be %s", scheme.origin, oneOf(gstatsdTypes))
	}
	for _, v := range l.given["sink"] {
		text := v.text
		if _, err := strconv.Atoi(text); err == nil {
			text = ":" + text
		}
		if scheme.text != "" && !strings.Contains(text, "://") {
			text = scheme.text + "://" + text
		}
		l.add("sink", text, v.origin)
	}
	return nil
}

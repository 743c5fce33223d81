package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// fromGstatsd translates a command line of gstatsd's into one of statsd's. Long flags that
// are not gstatsd's stay as they are.
func fromGstatsd(args []string) ([]string, error) {
	l := gstatsdLine{rest: args, given: map[string][]string{}}
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
			l.others = append(l.others, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return l.arguments()
}

// gstatsdLine is a command line that is being read.
type gstatsdLine struct {
	rest   []string
	given  map[string][]string // by long names; switches have empty values
	others []string            // what is left as it is
}

// long reads a long flag: --flush 5 or --flush=5.
func (l *gstatsdLine) long(arg string) error {
	name, text, attached := strings.Cut(arg[2:], "=")
	i := slices.IndexFunc(gstatsdFlags, func(f gstatsdFlag) bool { return f.long == name })
	switch {
	case i < 0, gstatsdFlags[i].holder == "" && attached:
		l.others = append(l.others, arg)
		return nil
	case gstatsdFlags[i].holder == "" || attached:
		l.given[name] = append(l.given[name], text)
		return nil
	}
	return l.value(name, arg)
}

// short reads short flags, without the dash: -f 5, -f5, -vvD, -Df5.
func (l *gstatsdLine) short(letters string) error {
	for letters != "" {
		i := slices.IndexFunc(gstatsdFlags, func(f gstatsdFlag) bool { return f.short == letters[0] })
		if i < 0 {
			return usageError(fmt.Sprintf("unknown short flag '-%c'", letters[0]))
		}
		f := gstatsdFlags[i]
		letters = letters[1:]
		switch {
		case f.holder != "" && letters == "":
			return l.value(f.long, "-"+string(f.short))
		case f.holder != "":
			l.given[f.long] = append(l.given[f.long], letters)
			return nil
		}
		l.given[f.long] = append(l.given[f.long], "")
	}
	return nil
}

// value takes the next argument as a flag's value.
func (l *gstatsdLine) value(name, arg string) error {
	if len(l.rest) == 0 {
		return usageError(arg + " needs a value")
	}
	l.given[name] = append(l.given[name], l.rest[0])
	l.rest = l.rest[1:]
	return nil
}

// last returns the value of a flag that counts, "" if it was not given.
func (l *gstatsdLine) last(name string) string {
	values := l.given[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// arguments returns what means the same to statsd.
func (l *gstatsdLine) arguments() ([]string, error) {
	args := l.others
	if !slices.ContainsFunc(args, isDialect) {
		args = append(args, "--dialect=gstatsd")
	}
	for _, f := range gstatsdFlags {
		switch {
		case f.same == "" || l.given[f.long] == nil:
		case f.holder == "":
			args = append(args, "--"+f.same)
		default:
			args = append(args, "--"+f.same+"="+l.last(f.long))
		}
	}
	if n := len(l.given["verbose"]); n > 0 {
		args = append(args, "--debug")
		if n > 1 {
			args = append(args, "--debug-metric=:") // which each line has
		}
	}
	for _, add := range []func([]string) ([]string, error){l.bind, l.sinks} {
		var err error
		if args, err = add(args); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// bind adds the address to listen on: HOST:PORT, :PORT or PORT.
func (l *gstatsdLine) bind(args []string) ([]string, error) {
	text := l.last("bind")
	if l.given["bind"] == nil {
		return args, nil
	}
	host, port := "", text
	if _, err := strconv.Atoi(text); err != nil {
		if host, port, err = net.SplitHostPort(text); err != nil {
			return nil, fmt.Errorf("-b %s: invalid bind address, want HOST:PORT, :PORT or a port", text)
		}
	}
	if host != "" {
		args = append(args, "--name="+host)
	}
	return append(args, "--port="+port), nil
}

// sinks adds the sinks, which are of one type unless they are URLs.
func (l *gstatsdLine) sinks(args []string) ([]string, error) {
	scheme := l.last("type")
	if l.given["type"] != nil && !slices.Contains(gstatsdTypes, scheme) {
		return nil, fmt.Errorf("-t %s: want %s", scheme, oneOf(gstatsdTypes))
	}
	for _, text := range l.given["sink"] {
		if _, err := strconv.Atoi(text); err == nil {
			text = ":" + text
		}
		if scheme != "" && !strings.Contains(text, "://") {
			text = scheme + "://" + text
		}
		args = append(args, "--sink="+text)
	}
	return args, nil
}

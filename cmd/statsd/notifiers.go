package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"

	"github.com/statsd-ops/statsd/alert"
	"github.com/statsd-ops/statsd/internal/authheader"
	"github.com/statsd-ops/statsd/internal/safefile"
	"github.com/statsd-ops/statsd/metric"
	"github.com/statsd-ops/statsd/notify"
	"github.com/statsd-ops/statsd/notify/alertmanager"
	"github.com/statsd-ops/statsd/notify/exec"
	"github.com/statsd-ops/statsd/notify/nsca"
	"github.com/statsd-ops/statsd/notify/post"
	"github.com/statsd-ops/statsd/notify/slack"
	"github.com/statsd-ops/statsd/notify/webhook"
	"github.com/statsd-ops/statsd/server"
)

func (all settings) addNotifiers(cfg *server.Config) error {
	if path := all.text("notify-exec"); path != "" {
		n, err := exec.New(exec.Config{Path: path})
		if err != nil {
			return err
		}
		cfg.Notifiers = append(cfg.Notifiers, alert.Notifier{Name: "exec", Notifier: n})
	}
	if !all.given("nsca-server") {
		return nil
	}
	c, err := all.nsca()
	if err != nil {
		return err
	}
	n, err := nsca.New(c)
	if err != nil {
		return err
	}
	cfg.Notifiers = append(cfg.Notifiers, alert.Notifier{Name: "nsca", Notifier: n, EveryLook: true})
	return nil
}

func (all settings) nsca() (c nsca.Config, err error) {
	c = nsca.Config{
		Server:  all.text("nsca-server"),
		Host:    all.text("nsca-host"),
		Service: all.text("nsca-service"),
		Method:  nsca.XOR, // send_nsca uses this method by default
		Legacy:  all.on("nsca-legacy"),
	}
	if path := all.text("nsca-config"); path != "" {
		if c.Method, c.Password, err = nsca.ReadConfig(path); err != nil {
			return c, metric.FlagErrorf("--nsca-config", nil, "%w", err)
		}
	}
	return c, nil
}

// channelKinds are the flags that add a notifier. The names of notifiers are based on the flags.
var channelKinds = []struct {
	name string
	open func(address string, headers authheader.List) (notify.Receiver, error)
}{
	{"webhook", func(address string, headers authheader.List) (notify.Receiver, error) {
		return webhook.New(webhook.Config{URL: address, Headers: headers})
	}},
	{"alertmanager", func(address string, headers authheader.List) (notify.Receiver, error) {
		return alertmanager.New(alertmanager.Config{URL: address, Headers: headers})
	}},
	{"slack", func(address string, headers authheader.List) (notify.Receiver, error) {
		return slack.New(slack.Config{URL: address, Headers: headers})
	}},
}

// channelConfig is the configuration of a notifier.
type channelConfig struct {
	url     string
	headers authheader.List
}

// addChannels adds the notifiers to the configuration.
func (all settings) addChannels(cfg *server.Config) error {
	headers, err := all.authHeaders()
	if err != nil {
		return metric.FlagErrorf("--notify-auth-file", nil, "%w", err)
	}
	for _, kind := range channelKinds {
		flag := "notify-" + kind.name
		var before []string
		for i, v := range all.get(flag).values {
			if slices.Contains(before, v.text) {
				return v.locate(fmt.Errorf("--%s: the same URL is given twice", flag))
			}
			before = append(before, v.text)
			receiver, err := kind.open(v.text, headers)
			if err != nil {
				return v.locate(fmt.Errorf("--%s: %w", flag, err))
			}
			name := kind.name
			if i > 0 {
				name = fmt.Sprintf("%s-%d", name, i+1)
			}
			cfg.Channels = append(cfg.Channels, alert.Channel{Name: name, Receiver: receiver, Config: channelConfig{v.text, headers}})
		}
	}
	return nil
}

// authHeaders reads the file of --notify-auth-file.
func (all settings) authHeaders() (authheader.List, error) {
	path := all.text("notify-auth-file")
	if path == "" {
		return nil, nil
	}
	var addresses []*url.URL
	for _, kind := range channelKinds {
		for _, v := range all.get("notify-" + kind.name).values {
			if u, err := post.Parse(v.text); err == nil {
				addresses = append(addresses, u)
			}
		}
	}
	if addresses == nil {
		return nil, errors.New("needs --notify-webhook, --notify-alertmanager or --notify-slack too")
	}
	text, err := safefile.ReadFile(path, maxAuthFile)
	if err != nil {
		return nil, err
	}
	headers, err := authheader.Parse(text)
	if err == nil {
		err = headers.Check(addresses)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return headers, nil
}

// maxAuthFile is the maximum size of the file with headers, in bytes.
const maxAuthFile = 64 << 10

// hostname returns the name of this host for messages, or "" if it is unknown.
func hostname() string {
	name, _ := os.Hostname()
	return name
}

package link

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var settings = Settings{Version: SettingsVersion, Partitions: 16, Interval: 10 * time.Second, Horizon: 2 * time.Hour, MemberKey: [16]byte{1, 2, 255}, Tags: "off"}

func TestSettings(t *testing.T) {
	t.Parallel()
	if got, err := ParseSettings(settings.Encode()); err != nil || got != settings {
		t.Errorf("%s came back as %+v, %v", settings.Encode(), got, err)
	}
	text := string(settings.Encode())
	for old, replacement := range map[string]string{
		`"version":1`:           `"version":2`,
		`"partitions":16`:       `"partitions":12`,
		`"partitions":16,`:      ``,
		`"interval":"10s"`:      `"interval":"-10s"`,
		`"interval":"10s",`:     ``,
		`"horizon":"2h0m0s"`:    `"horizon":"1s"`,
		`"member_key":"0102`:    `"member_key":"01`,
		`"member_key":"01`:      `"member_key":"xx`,
		`{"version":1`:          `{`,
		strings.TrimSpace(text): ``,
	} {
		damaged := strings.Replace(text, old, replacement, 1)
		if damaged == text {
			t.Errorf("%s is not in %s", old, text)
		}
		if _, err := ParseSettings([]byte(damaged)); err == nil || !strings.Contains(err.Error(), "cluster") {
			t.Errorf("%s: %v", damaged, err)
		}
	}
}

func TestFirst(t *testing.T) {
	t.Parallel()
	wanted := settings
	wanted.MemberKey, wanted.Version = [16]byte{}, 0
	got, err := wanted.First(func(key []byte) { copy(key, settings.MemberKey[:]) })
	if err != nil || got != settings {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := settings.First(func([]byte) { t.Error("a second key") }); err != nil || got != settings {
		t.Errorf("%+v, %v", got, err)
	}
	wanted.Partitions = 3
	if _, err := wanted.First(nil); err == nil {
		t.Error("3 partitions are accepted")
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	other := settings
	other.MemberKey = [16]byte{}
	if err := other.Compare(settings); err != nil {
		t.Error(err)
	}
	other.Tags = "graphite"
	err := other.Compare(settings)
	mismatch, ok := errors.AsType[*MismatchError](err)
	if !ok || mismatch.Flag != "--tags" || err.Error() != "the cluster has --tags=off, this daemon has graphite: set --tags=off for this daemon, or join another cluster" {
		t.Errorf("%v", err)
	}
}

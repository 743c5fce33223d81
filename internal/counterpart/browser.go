package counterpart

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// Browser is a headless Chromium from Debian. Tests control it with the DevTools protocol. The
// protocol sends JSON messages through a pair of pipes, and a zero byte after each message.
type Browser struct {
	to *os.File // the pipe for commands to Chromium

	mu      sync.Mutex
	last    int                    // number of the most recent command
	waiting map[int]chan<- reply   // commands without a reply yet, by their number
	tabs    map[string]func(event) // receivers of events, by session
	ended   chan struct{}          // closed when Chromium has exited
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// event is an event that Chromium reports about a browser tab.
type event struct {
	Method string
	Params json.RawMessage
}

// StartBrowser starts a browser, and stops it at the end of the test.
func StartBrowser(t testing.TB) *Browser {
	t.Helper()
	program, dir := Find(t, "chromium"), t.TempDir()
	commandsOut, commandsIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answersOut, answersIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--remote-debugging-pipe", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--no-default-browser-check",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		"--hide-scrollbars", "--force-color-profile=srgb", "about:blank")
	cmd.ExtraFiles = []*os.File{commandsOut, answersIn} // Chromium expects the pipes at descriptors 3 and 4
	b := &Browser{to: commandsIn, waiting: map[int]chan<- reply{}, tabs: map[string]func(event){}, ended: make(chan struct{})}
	process := start(t, "chromium", dir, cmd)
	_, _ = commandsOut.Close(), answersIn.Close() // the Chromium process has its own copies of these descriptors
	go b.read(answersOut)
	t.Cleanup(func() {
		_ = b.command("", "Browser.close", nil, nil) // Chromium may have exited already
		_ = commandsIn.Close()
		select {
		case <-process.exited:
		case <-time.After(wait.Patience):
			_ = process.end(os.Kill)
		}
		<-b.ended
	})
	return b
}

// read passes replies and events from Chromium to their receivers, until Chromium exits.
func (b *Browser) read(answers *os.File) {
	defer close(b.ended)
	defer func() { _ = answers.Close() }()
	for in := bufio.NewReader(answers); ; {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID        int
			SessionID string
			event
			reply
		}
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		answered, happened := b.waiting[m.ID], b.tabs[m.SessionID]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		switch {
		case answered != nil:
			answered <- m.reply
		case m.ID == 0 && happened != nil:
			happened(m.event)
		}
	}
}

// command sends a command to a session and reads its result. The session "" is the browser itself.
func (b *Browser) command(session, method string, params map[string]any, result any) error {
	answered := make(chan reply, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answered
	message := map[string]any{"id": id, "method": method}
	if session != "" {
		message["sessionId"] = session
	}
	if params != nil {
		message["params"] = params
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("chromium: %s: %w", method, err)
	}
	select {
	case a := <-answered:
		if a.Error != nil {
			return fmt.Errorf("chromium: %s: %s", method, a.Error.Message)
		}
		if result != nil {
			return json.Unmarshal(a.Result, result)
		}
		return nil
	case <-b.ended:
		return errors.New("chromium: " + method + ": it has ended")
	case <-time.After(wait.Patience):
		return fmt.Errorf("chromium: %s: no answer after %v", method, wait.Patience)
	}
}

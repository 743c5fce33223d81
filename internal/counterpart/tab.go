package counterpart

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statsd-ops/statsd/internal/wait"
)

// Look is the window size and the preferred colour scheme of a Tab.
type Look struct {
	Width, Height int
	Dark          bool
}

// Tab is a browser tab with a page.
type Tab struct {
	t               testing.TB
	browser         *Browser
	target, session string

	mu         sync.Mutex
	complaints []string
}

// Open opens a page in a new tab. It does not wait until the page has loaded.
func (b *Browser) Open(t testing.TB, url string, look Look) *Tab {
	t.Helper()
	tab := &Tab{t: t, browser: b}
	var target struct{ TargetID string }
	tab.mustIn("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	tab.target = target.TargetID
	var attached struct{ SessionID string }
	tab.mustIn("", "Target.attachToTarget", map[string]any{"targetId": tab.target, "flatten": true}, &attached)
	tab.session = attached.SessionID
	b.mu.Lock()
	b.tabs[tab.session] = tab.happened
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Audits"} {
		tab.must(domain+".enable", nil, nil)
	}
	tab.Look(look)
	tab.must("Page.navigate", map[string]any{"url": url}, nil)
	return tab
}

// must sends a command to the tab. The method mustIn sends a command to any session. The test fails
// if the command fails.
func (t *Tab) must(method string, params map[string]any, result any) {
	t.t.Helper()
	t.mustIn(t.session, method, params, result)
}

func (t *Tab) mustIn(session, method string, params map[string]any, result any) {
	t.t.Helper()
	if err := t.browser.command(session, method, params, result); err != nil {
		t.t.Fatal(err)
	}
}

// Look changes the tab's window size and preferred colour scheme.
func (t *Tab) Look(look Look) {
	t.t.Helper()
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	t.must("Emulation.setDeviceMetricsOverride", map[string]any{"width": look.Width, "height": look.Height, "deviceScaleFactor": 1, "mobile": look.Width < 600}, nil)
	t.must("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// happened stores errors and warnings of the page and of the browser.
func (t *Tab) happened(e event) {
	var p struct {
		Type             string
		Args             []struct{ Value, Description any }
		ExceptionDetails struct {
			Text      string
			URL       string
			Line      int `json:"lineNumber"`
			Exception struct{ Description string }
		}
		Entry struct{ Level, Text, URL string }
		Issue struct {
			Code    string
			Details json.RawMessage
		}
	}
	if json.Unmarshal(e.Params, &p) != nil {
		return
	}
	switch {
	case e.Method == "Runtime.consoleAPICalled" && (p.Type == "error" || p.Type == "warning" || p.Type == "assert"):
		t.complain(fmt.Sprintf("console.%s: %v", p.Type, p.Args))
	case e.Method == "Runtime.exceptionThrown":
		d := p.ExceptionDetails
		t.complain(fmt.Sprintf("%s %s (%s:%d)", d.Text, d.Exception.Description, d.URL, d.Line))
	case e.Method == "Log.entryAdded" && (p.Entry.Level == "error" || p.Entry.Level == "warning"):
		t.complain(p.Entry.Level + ": " + p.Entry.Text + " " + p.Entry.URL)
	case e.Method == "Audits.issueAdded" && p.Issue.Code == "ContentSecurityPolicyIssue":
		t.complain("policy: " + string(p.Issue.Details))
	}
}

func (t *Tab) complain(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.complaints = append(t.complaints, what)
}

// Complaints returns the errors and warnings since the last call, including violations of the Content-Security-Policy.
// If failures is true, failed requests are expected, and Complaints leaves out the errors about them.
func (t *Tab) Complaints(failures bool) (all []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.complaints {
		if !failures || !strings.Contains(c, "Failed to load resource") {
			all = append(all, c)
		}
	}
	t.complaints = nil
	return all
}

// Eval evaluates a JavaScript expression. It waits if the result is a promise. It stores the value
// in result, unless result is nil.
func (t *Tab) Eval(expression string, result any) {
	t.t.Helper()
	if err := t.eval(expression, result); err != nil {
		t.t.Fatalf("%s: %v", expression, err)
	}
}

func (t *Tab) eval(expression string, result any) error {
	var said struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := t.browser.command(t.session, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &said)
	switch {
	case err != nil:
		return err
	case said.ExceptionDetails != nil:
		return fmt.Errorf("%s %s", said.ExceptionDetails.Text, said.ExceptionDetails.Exception.Description)
	case result == nil || said.Result.Value == nil:
		return nil
	}
	return json.Unmarshal(said.Result.Value, result)
}

// Await waits until a JavaScript expression is true. Errors of the expression are ignored while
// Await waits.
func (t *Tab) Await(expression string) {
	t.t.Helper()
	var err error
	for deadline := time.Now().Add(wait.Patience); ; time.Sleep(100 * time.Millisecond) {
		ok := false
		if err = t.eval("Boolean("+expression+")", &ok); err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	var text string
	_ = t.eval("document.body.innerText", &text) // the text is only for the failure message
	t.t.Fatalf("after %v, this is not true: %s (%v)\n%v\n%s", wait.Patience, expression, err, t.Complaints(false), text)
}

// Type types text into the focused element of the page.
func (t *Tab) Type(text string) {
	t.t.Helper()
	t.must("Input.insertText", map[string]any{"text": text}, nil)
}

// Press presses and releases a key such as Tab or Enter.
func (t *Tab) Press(key string) {
	t.t.Helper()
	codes := map[string]int{"Tab": 9, "Enter": 13, " ": 32, "/": 191}
	params := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
	if text := map[string]string{"Enter": "\r", " ": " ", "/": "/"}[key]; text != "" {
		params["text"] = text
	}
	t.must("Input.dispatchKeyEvent", params, nil)
	delete(params, "text")
	params["type"] = "keyUp"
	t.must("Input.dispatchKeyEvent", params, nil)
}

// Move moves the mouse pointer to the position x, y in the window, in pixels from the top left
// corner.
func (t *Tab) Move(x, y float64) {
	t.t.Helper()
	t.must("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": x, "y": y}, nil)
}

// Screenshot writes a PNG of the whole page. If the parameter height is not 0, the image shows only the top of the
// page, with this height in pixels.
func (t *Tab) Screenshot(path string, height int) {
	t.t.Helper()
	params := map[string]any{"format": "png", "captureBeyondViewport": true}
	if height > 0 {
		var width float64
		t.Eval("innerWidth", &width)
		params["clip"] = map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
	}
	var shot struct{ Data []byte }
	t.must("Page.captureScreenshot", params, &shot)
	if err := os.WriteFile(path, shot.Data, 0o644); err != nil {
		t.t.Fatal(err)
	}
}

// Close closes the tab in the browser.
func (t *Tab) Close() {
	t.t.Helper()
	t.mustIn("", "Target.closeTarget", map[string]any{"targetId": t.target}, nil)
}

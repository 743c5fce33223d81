package nsca

import (
	"io"
	"net"
	"strings"
	"testing"
)

// configs are configuration files for send_nsca. If err is set, ParseConfig must refuse the file with this error. If
// lenient is also set, send_nsca accepts the file.
var configs = []struct {
	name, text string
	method     Method
	password   string
	err        string
	lenient    bool
}{
	{name: "empty", method: XOR},
	{name: "usual", text: "# comment\n\npassword=s3cret\n#password=old\nencryption_method=16\n", method: Rijndael256, password: "s3cret"},
	{name: "no newline at the end", text: "encryption_method=2\npassword=s3cret", method: DES, password: "s3cret"},
	{name: "last one counts", text: "password=a\npassword=b\nencryption_method=2\nencryption_method=3\n", method: TripleDES, password: "b"},
	{name: "blanks", text: " password = s3 cret \n\tencryption_method\t=\t 14 \n", method: Rijndael128, password: " s3 cret "},
	{name: "equals signs", text: "password==a=b\n", method: XOR, password: "=a=b"},
	{name: "password only", text: "password=x\n", method: XOR, password: "x"},
	{name: "bytes", text: "password=\xff\x01\u00fc\n", method: XOR, password: "\xff\x01\u00fc"},
	{name: "carriage returns", text: "password=s3cret\r\nencryption_method=8\r\n", method: Blowfish, password: "s3cret\r"},
	{name: "long password", text: "password=" + strings.Repeat("p", 5109) + "\n", method: XOR, password: strings.Repeat("p", 5109)},
	{name: "leading zero", text: "password=x\nencryption_method=+03\n", method: TripleDES, password: "x"},

	{name: "too long", text: "\npassword=" + strings.Repeat("p", 5110) + "\n", err: "f:2: the line is longer than 5118 bytes"},
	{name: "no equals sign", text: "password\n", err: "f:1: the line is neither NAME=VALUE nor a comment (a comment begins with # at the start of the line)"},
	{name: "no value", text: "#\npassword=\n", err: "f:2: the line has no value after the equals sign"},
	{name: "no name", text: "=\n", err: "f:1: the line has no value after the equals sign"},
	{name: "blank line", text: "  \n", err: "f:1: the line is neither NAME=VALUE nor a comment (a comment begins with # at the start of the line)"},
	{name: "indented comment", text: " # comment\n", err: "f:1: the line is neither NAME=VALUE nor a comment (a comment begins with # at the start of the line)"},
	{name: "unknown", text: "server=x\n", err: "f:1: unknown setting: only password and encryption_method are allowed"},
	{name: "no such method", text: "encryption_method=13\n", err: "f:1: encryption_method 13 is not supported; " + supported},
	{name: "negative method", text: "encryption_method=-1\n", err: "f:1: encryption_method -1 is not supported; " + supported},

	{name: "rare method", text: "encryption_method=5\n", err: "f:1: encryption_method 5 (cast-256) is not supported; " + supported, lenient: true},
	{name: "accidental comment", text: " #password=old\n", err: "f:1: unknown setting: only password and encryption_method are allowed", lenient: true},
	{name: "accidental method", text: "encryption_method=aes\n", err: "f:1: encryption_method is not a number", lenient: true},
	{name: "wide blank", text: "encryption_method=\u00a02\n", err: "f:1: encryption_method is not a number", lenient: true},
	{name: "nul", text: "password=a\x00b\n", err: "f:1: the line has a NUL byte", lenient: true},
}

const supported = "the supported methods are: 0 (none), 1 (xor), 2 (des), 3 (tripledes), 4 (cast-128), 6 (xtea), 8 (blowfish), 9 (twofish), " +
	"14 (rijndael-128), 15 (rijndael-192), 16 (rijndael-256)"

func TestParseConfig(t *testing.T) {
	for _, c := range configs {
		method, password, err := ParseConfig(strings.NewReader(c.text), "f")
		if c.err != "" {
			wantError(t, err, c.err)
		} else if err != nil || method != c.method || password != c.password {
			t.Errorf("%s: got %v, %q, %v, want %v, %q", c.name, method, password, err, c.method, c.password)
		}
	}
}

func TestParseConfigReadError(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("password=x\n"), brokenReader{})
	_, _, err := ParseConfig(broken, "f")
	wantError(t, err, "f:2: io: read/write on closed pipe")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func FuzzParseConfig(f *testing.F) {
	for _, c := range configs {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		method, password, err := ParseConfig(strings.NewReader(text), "file")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "file:") || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		if strings.ContainsAny(password, "\n\x00") || !strings.Contains(text, "="+password) && password != "" {
			t.Errorf("password %q", password)
		}
		if err := (Config{Server: "s", Host: "h", Method: method, Password: password}).Validate(); err != nil {
			t.Errorf("the parsed settings are not valid: %v", err)
		}
	})
}

// greeted is a listener that sends a fixed init packet to one client, like nsca, and stores the packet that it
// receives.
type greeted struct {
	host, port string
	init       []byte
	received   chan []byte
}

func serveOne(t *testing.T) greeted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := greeted{init: []byte(strings.Repeat("0123456789abcdef", 8) + "\x6b\x01\x5e\x96"), received: make(chan []byte, 1)}
	g.host, g.port, _ = net.SplitHostPort(l.Addr().String())
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return // the client did not connect
		}
		defer conn.Close()
		packet := make([]byte, packetSize)
		if _, err := conn.Write(g.init); err != nil {
			return
		}
		if _, err := io.ReadFull(conn, packet); err == nil {
			g.received <- packet
		}
		close(g.received)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return g
}

package nsca

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/statsd-ops/statsd/internal/safefile"
)

// maxLine is the maximum length of a line in bytes. send_nsca reads a longer line as several lines.
const maxLine = 5118

// ReadConfig reads the encryption method and the password from a configuration file of send_nsca: see
// ParseConfig.
func ReadConfig(path string) (Method, string, error) {
	f, err := safefile.Read(path)
	if err != nil {
		return None, "", err
	}
	defer f.Close()
	return ParseConfig(f, path)
}

// ParseConfig parses a configuration file of send_nsca: lines of password=TEXT and encryption_method=NUMBER,
// comments that start with #, and empty lines. By default, the method is XOR and the password is empty. If a
// setting is repeated, the last line is used. The password is the whole text after the equals sign, including
// spaces and carriage returns.
//
// A file that ParseConfig accepts has the same meaning for send_nsca. ParseConfig refuses some files that
// send_nsca accepts by accident, for example with an indented comment that contains the word password. It also
// refuses encryption methods that this package does not support. The error is one line of the form "name:line:
// reason".
func ParseConfig(r io.Reader, name string) (Method, string, error) {
	method, password := XOR, ""
	lines := bufio.NewReaderSize(r, maxLine+1)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		atEnd := errors.Is(err, io.EOF)
		if atEnd && len(line) == 0 {
			return method, password, nil
		}
		switch {
		case err == nil, atEnd:
			err = parseLine(strings.TrimSuffix(string(line), "\n"), &method, &password)
		case errors.Is(err, bufio.ErrBufferFull):
			err = fmt.Errorf("the line is longer than %d bytes", maxLine)
		}
		if err != nil {
			return None, "", fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
}

// parseLine parses a line into method or password. Its errors never contain the value, because it could be the
// password.
func parseLine(line string, method *Method, password *string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	key, value, found := strings.Cut(line, "=")
	switch {
	case strings.ContainsRune(line, 0):
		return errors.New("the line has a NUL byte")
	case !found:
		return errors.New("the line is neither NAME=VALUE nor a comment (a comment begins with # at the start of the line)")
	case value == "":
		return errors.New("the line has no value after the equals sign")
	}
	switch strings.TrimSpace(key) {
	case "password":
		*password = value
	case "encryption_method":
		n, err := strconv.Atoi(strings.Trim(value, " \t\r\v\f")) // accept the same white space as C's atoi
		if err != nil {
			return errors.New("encryption_method is not a number")
		}
		if err := Method(n).check(); err != nil {
			return err
		}
		*method = Method(n)
	default:
		return errors.New("unknown setting: only password and encryption_method are allowed")
	}
	return nil
}

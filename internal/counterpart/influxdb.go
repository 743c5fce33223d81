package counterpart

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// InfluxDB runs Debian's InfluxDB 1 for one test.
type InfluxDB struct {
	// Addr is the server's "host:port".
	Addr string

	t       testing.TB
	dir     string
	process *process
}

const influxConfig = `
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "%[1]s/meta"
[data]
  dir = "%[1]s/data"
  wal-dir = "%[1]s/wal"
[http]
  bind-address = "%[2]s"
[monitor]
  store-enabled = false
`

// StartInfluxDB starts an InfluxDB, and stops it at the end of the test.
func StartInfluxDB(t testing.TB) *InfluxDB {
	t.Helper()
	db := &InfluxDB{Addr: FreeAddress(t).String(), t: t, dir: t.TempDir()}
	db.Start()
	return db
}

// Start starts InfluxDB again after Stop, with the same data.
func (db *InfluxDB) Start() {
	db.t.Helper()
	file := filepath.Join(db.dir, "influxdb.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, influxConfig, db.dir, db.Addr), 0o600); err != nil {
		db.t.Fatal(err)
	}
	db.process = start(db.t, "influxd", db.dir, exec.Command(Find(db.t, "influxd"), "-config", file))
	running := db.process
	db.t.Cleanup(func() { _ = running.end(os.Kill) })
	db.process.await(func() bool {
		response, err := http.Get("http://" + db.Addr + "/ping")
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusNoContent
	})
}

// Stop ends InfluxDB with SIGINT. The data is kept for the next Start.
func (db *InfluxDB) Stop() { _ = db.process.end(os.Interrupt) }

// Query runs a query. It returns the rows of the result. Each row maps column names to values.
func (db *InfluxDB) Query(database, query string) (rows []map[string]any) {
	db.t.Helper()
	form := url.Values{"q": {query}, "db": {database}, "epoch": {"s"}}
	response, err := http.Post("http://"+db.Addr+"/query", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		db.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Error   string
		Results []struct {
			Error  string
			Series []struct {
				Name    string
				Columns []string
				Values  [][]any
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Error != "" {
		db.t.Fatalf("influxdb: %s: %s %v", query, answer.Error, err)
	}
	for _, result := range answer.Results {
		if result.Error != "" {
			db.t.Fatalf("influxdb: %s: %s", query, result.Error)
		}
		for _, series := range result.Series {
			for _, values := range series.Values {
				row := map[string]any{"measurement": series.Name}
				for i, column := range series.Columns {
					row[column] = values[i]
				}
				rows = append(rows, row)
			}
		}
	}
	return rows
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A day is what the scenario of a day of schedules tells of itself; its units
// stand there, in internal/scenario/day_test.go.
type day struct {
	Practices   int     `json:"practices"`
	Exports     int     `json:"exports"`
	Full        int     `json:"full"`
	Requests    int     `json:"requests"`
	LagMedian   float64 `json:"lag_median"`
	LagWorst    float64 `json:"lag_worst"`
	LagOutage   float64 `json:"lag_outage"`
	OldestData  float64 `json:"oldest_data"`
	LedgerFirst int64   `json:"ledger_first"`
	Ledger      int64   `json:"ledger"`
	PerExport   int64   `json:"per_export"`
	CPU         float64 `json:"cpu"`
	Wall        float64 `json:"wall"`
}

// loadDay lives a day of scheduled practices in simulated time.
func loadDay(ctx context.Context, o options, c *corpus) (string, error) {
	before := load()
	result := filepath.Join(c.dir, "day.json")
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=18m", "-run=^TestADayOfSchedulesIsKept$",
		"github.com/bulkhead-fhir/bulkhead/internal/scenario")
	test.Env = append(os.Environ(), "LOAD_DAY_PRACTICES="+strconv.Itoa(o.load.practices), "LOAD_DAY_RESULT="+result)
	var said bytes.Buffer
	test.Stdout, test.Stderr = &said, &said
	if err := test.Run(); err != nil {
		return "", errors.Join(err, errors.New(strings.TrimSpace(said.String())))
	}
	text, err := os.ReadFile(result)
	if err != nil {
		return "", err
	}
	var d day
	if err := json.Unmarshal(text, &d); err != nil {
		return "", err
	}
	return d.tell() + fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), nil
}

func (d day) tell() string {
	exports := float64(max(d.Exports, 1))
	return fmt.Sprintf("24 hours in simulated time: %d practices, each due every six hours, sixteen of them at the same minute; every server needs 90 s for an export, every tenth one answers 503 for 20 minutes in the morning. "+
		"Eight patients in each practice, one sink (Parquet), limits as by default. Ledger, executor, TLS, steps and sink are the product's own; clock and wires are simulated (`internal/scenario`). "+
		"Every due export completed, once.\n\n", d.Practices) +
		table([]string{"", "measured"}, [][]string{
			{"exports completed, full ones among them", fmt.Sprintf("%d, %d", d.Exports, d.Full)},
			{"requests that the servers answered", fmt.Sprintf("%d, %.1f an export", d.Requests, float64(d.Requests)/exports)},
			{"from due to published: median, worst (s)", fmt.Sprintf("%.0f, %.0f", d.LagMedian, d.LagWorst)},
			{"the same, worst where the server was down (s)", fmt.Sprintf("%.0f", d.LagOutage)},
			{"greatest age of a practice's published records (h); 6 is between two exports", fmt.Sprintf("%.2f", d.OldestData)},
			{"ledger at the end, MB", fmt.Sprintf("%.2f", mega(d.Ledger))},
			{"growth of the ledger for each export, kB", fmt.Sprintf("%.1f", float64(d.PerExport)/1e3)},
			{"CPU s, servers and simulated clock included", fmt.Sprintf("%.1f, %.3f an export", d.CPU, d.CPU/exports)},
			{"real s for the 24 hours", fmt.Sprintf("%.1f", d.Wall)},
		})
}

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A cost is what something took.
type cost struct {
	wall time.Duration
	cpu  time.Duration // of the whole process, kernel included
}

// measure gives what f takes.
func measure(f func() error) (cost, error) {
	began, before := time.Now(), processTime()
	err := f()
	return cost{time.Since(began), processTime() - before}, err
}

// processTime is the CPU time of this process so far, user and kernel.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// median of values, which are not changed; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	if m := len(s) / 2; len(s)%2 == 1 {
		return s[m]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

// spread writes the median with the least and the greatest value.
func spread(values []float64, format string) string {
	f := func(v float64) string { return fmt.Sprintf(format, v) }
	return f(median(values)) + " (" + f(slices.Min(values)) + " – " + f(slices.Max(values)) + ")"
}

// load gives the load averages over 1, 5 and 15 minutes, where the kernel
// tells them.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(text)); err == nil && len(f) >= 3 {
		return strings.Join(f[:3], " ")
	}
	return "unknown"
}

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }

// table writes a Markdown table.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, r := range rows {
		line(r)
	}
	return b.String()
}

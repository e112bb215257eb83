package cli

import (
	"time"
	"unicode/utf8"

	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// some writes a number of things: "1 file", "2 files".
func some(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return wording.Count(n) + " " + thing + "s"
}

// clock writes a time of today as 15:04:05, another with its day.
func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	t = t.Local()
	if now := time.Now(); t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2006-01-02 15:04")
}

func orNothing(s string) string {
	if s == "" {
		return "it says nothing more"
	}
	return s
}

// A grid prints rows in columns as wide as they need. Columns named in right
// are set flush right.
type grid struct {
	header []string
	rows   [][]string
	right  map[int]bool
}

func (t *grid) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *grid) print(g *Globals) {
	width := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			pad := width[i] - utf8.RuneCountInString(cell)
			switch {
			case t.right[i]:
				g.printf("%*s%s  ", pad, "", cell)
			case i == len(row)-1:
				g.printf("%s", cell)
			default:
				g.printf("%s%*s  ", cell, pad, "")
			}
		}
		g.printf("\n")
	}
}

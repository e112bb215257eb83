package disposal_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
)

var update = flag.Bool("update", false, "write the generated tables")

const page = "../../docs/retention.md"

// tablesOfPage are the page's tables, by the marker before each.
func tablesOfPage() map[string]string {
	var areas, labels, dates strings.Builder
	areas.WriteString("| area | what is in it | what cannot be done once it is gone |\n|---|---|---|\n")
	for _, a := range disposal.Areas {
		fmt.Fprintf(&areas, "| `%s` | %s | %s |\n", a.Kind, a.Keeps, a.Ends)
	}
	labels.WriteString("| category | security labels (HL7 ActCode) |\n|---|---|\n")
	of := agreement.Labels()
	for _, category := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(&labels, "| `%s` | %s |\n", category, strings.Join(of[category], ", "))
	}
	dates.WriteString("| type | element, the first that is there |\n|---|---|\n")
	elements := ingest.ServiceDates()
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		fmt.Fprintf(&dates, "| %s | %s |\n", name, strings.Join(elements[name], ", "))
	}
	return map[string]string{"areas": areas.String(), "labels": labels.String(), "dates": dates.String()}
}

func TestThePageOfRetentionHasItsTables(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	whole := string(text)
	for name, table := range tablesOfPage() {
		begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
		before, rest, found := strings.Cut(whole, begin)
		is, after, ends := strings.Cut(rest, end)
		if !found || !ends {
			t.Fatalf("the page has no place for %s", name)
		}
		if is != table && *update {
			whole = before + begin + table + end + after
			continue
		}
		if is != table {
			t.Errorf("%s: the table %s is not current: run go test ./internal/disposal -update", page, name)
		}
	}
	if *update {
		if err := os.WriteFile(page, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

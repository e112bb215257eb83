package quarantine

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

var update = flag.Bool("update", false, "write the generated page")

const page = "../../docs/refusals.md"

func TestThePageOfRefusalsIsCurrent(t *testing.T) {
	if *update {
		if err := os.WriteFile(page, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil || string(text) != Markdown() {
		t.Errorf("%s is not what the table gives (%v): run make docs", page, err)
	}
}

func TestEveryReasonHasItsMeaning(t *testing.T) {
	reasons := []string{
		ReasonNoObject, ReasonNoType, ReasonBadType, ReasonNotPermitted, ReasonSensitive + "hiv", ReasonTooEarly, ReasonOutcome, ReasonNoID, ReasonBadID,
		ReasonView + "patient.birth_date", ReasonProfile + "us-core-6:Patient.name", ReasonOverLong, ReasonNoBundle, ReasonMethod, ReasonURL, ReasonNoOutcome,
	}
	for _, syntax := range []string{
		tape.ReasonEmpty, tape.ReasonTruncated, tape.ReasonTrailing, tape.ReasonSyntax, tape.ReasonNumber, tape.ReasonControl,
		tape.ReasonEscape, tape.ReasonSurrogate, tape.ReasonUTF8, tape.ReasonDuplicateKey, tape.ReasonDepth, tape.ReasonTooLong,
	} {
		reasons = append(reasons, ReasonJSON+syntax)
	}
	for _, reason := range reasons {
		m := Explain(reason)
		if m.Reason != reason || m.Example == "" || m.Means == "" || m.Who == "" || m.Do == "" {
			t.Errorf("reason %s has no whole meaning: %+v", reason, m)
		}
	}
	if len(reasons) != len(Meanings) {
		t.Errorf("%d reasons, %d meanings", len(reasons), len(Meanings))
	}
	for _, reason := range reasons {
		if want := reason == ReasonNotPermitted || reason == ReasonTooEarly || reason == ReasonSensitive+"hiv"; Withheld(reason) != want {
			t.Errorf("Withheld(%s) = %v", reason, !want)
		}
	}
	if m := Explain("of_a_later_day"); !strings.Contains(m.Means, "does not know") {
		t.Errorf("an unknown reason means %q", m.Means)
	}
}

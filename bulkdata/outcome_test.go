package bulkdata

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnOutcomeIsReadWithoutTrustingIt(t *testing.T) {
	o, err := ParseOperationOutcome([]byte("\xef\xbb\xbf" + `{"issue":[
		{"severity":"error","code":"duplicate","details":{"coding":[{"display":"from the coding"}]},"diagnostics":"line\n\u001b[31m` + strings.Repeat("x", 900) + `"},
		{"severity":"<b>","code":"Mrs Smith","details":{"text":"t"}},{}],"resourceType":"OperationOutcome","resourceType":"OperationOutcome","id":"` + "\xff" + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := o.String(); got != "error/duplicate, other/other, other/other" {
		t.Errorf("String = %q", got)
	}
	i := o.Issues[0]
	if i.Details != "from the coding" || len(i.Diagnostics) != 503 || strings.ContainsAny(i.Diagnostics, "\n\x1b") {
		t.Errorf("texts = %q, %d bytes", i.Details, len(i.Diagnostics))
	}
	for _, text := range []string{"", "{}", "<html>", `{"resourceType":"Patient"}`, `{"resourceType":"OperationOutcome","issue":5}`} {
		if o, err := ParseOperationOutcome([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, o)
		}
	}
}

func TestPrintingAnOutcomeShowsCodesOnly(t *testing.T) {
	o, err := ParseOperationOutcome([]byte(duplicate))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		texts = append(texts, fmt.Sprintf(verb, o), fmt.Sprintf(verb, o.Issues), fmt.Sprintf(verb, o.Issues[0]))
	}
	for _, text := range append(
		texts,
		(&StatusError{Op: OpStatus, Status: 500, Outcome: o}).Error(), (&BusyError{Outcome: o}).Error(), (&ProtocolError{Outcome: o}).Error(),
	) {
		if strings.Contains(text, "CANARY") || !strings.Contains(text, "duplicate") {
			t.Errorf("printed as %q", text)
		}
	}
	if o.UnsafeText() != "CANARY Mrs Smith" {
		t.Errorf("UnsafeText = %q", o.UnsafeText())
	}
}

func TestTransientNeedsEveryErrorToBeTransient(t *testing.T) {
	for codes, want := range map[string]bool{
		"": false, "transient": true, "timeout throttled": true, "timeout processing": false, "processing": false,
	} {
		o, err := ParseOperationOutcome([]byte(outcomeOf(strings.Fields(codes)...)))
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Transient(); got != want {
			t.Errorf("Transient of %q = %v", codes, got)
		}
	}
	remark, err := ParseOperationOutcome([]byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"timeout"}]}`))
	if err != nil || remark.Transient() || remark.Worst() != SeverityInformation {
		t.Errorf("a remark: %v, %v", remark.Worst(), err)
	}
	if (*OperationOutcome)(nil).Transient() || (*OperationOutcome)(nil).HasCode("x") || (*OperationOutcome)(nil).UnsafeText() != "" {
		t.Error("nil says something")
	}
}

func TestALongOutcomeIsCut(t *testing.T) {
	o, err := ParseOperationOutcome([]byte(outcomeOf(strings.Fields(strings.Repeat("x ", 250))...)))
	if err != nil || len(o.Issues) != maxIssues || o.Omitted != 150 {
		t.Errorf("%d issues and %d omitted, %v", len(o.Issues), o.Omitted, err)
	}
	if diff := cmp.Diff("error/x, error/x, error/x, error/x, error/x, ...", o.String()); diff != "" {
		t.Error(diff)
	}
}

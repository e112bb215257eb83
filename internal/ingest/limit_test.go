package ingest

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
)

// withheld is what an agreement says that permits hiv alone.
func withheld(system, code string) string {
	if system != "" && system != "http://terminology.hl7.org/CodeSystem/v3-ActCode" || code == "HIV" {
		return ""
	}
	return map[string]string{"ETH": "substance-use", "PSY": "mental-health"}[code]
}

func labelled(security string) string {
	return `{"resourceType":"Patient","id":"1","meta":{` + security + `},"gender":"female"}`
}

func containing(resources string) string {
	return `{"resourceType":"Patient","id":"1","contained":[` + resources + `]}`
}

func TestAResourceOfASensitiveCategoryIsRefusedUnlessThatIsPermitted(t *testing.T) {
	const eth = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"}`
	for line, want := range map[string]string{
		labelled(``):                       "",
		labelled(`"tag":[{"code":"ETH"}]`): "", // no label
		labelled(`"security":[]`):          "",
		labelled(`"security":[{"system":"https://x.example","code":"ETH"}]`):    "",
		labelled(`"security":[{"code":"HIV"}]`):                                 "",
		labelled(`"security":[` + eth + `]`):                                    "sensitive:substance-use",
		labelled(`"security":[{"code":"HIV"},{"code":"PSY"}]`):                  "sensitive:mental-health",
		labelled(`"secur\u0069ty":[{"c\u006fde":"\u0045TH"}]`):                  "sensitive:substance-use",
		labelled(`"security":"ETH"`):                                            "",
		`{"meta":{"security":[` + eth + `]},"id":"1","resourceType":"Patient"}`: "sensitive:substance-use",
		labelled(`"security":` + eth):                                           "sensitive:substance-use", // no list, and no doubt
		containing(`{"resourceType":"Organization","id":"o"}`):                  "",
		containing(`{"id":"o","meta":{"security":[{"code":"HIV"}]}}`):           "",
		containing(`{"id":"o"},{"id":"p","meta":{"security":[` + eth + `]}}`):   "sensitive:substance-use",
		containing(`{"m\u0065ta":{"security":[{"code":"PSY"}]}}`):               "sensitive:mental-health",
		containing(`{"meta":{"tag":[` + eth + `]}},7,"ETH"`):                    "",
	} {
		o := testOptions(t)
		o.Limits.Withheld = withheld
		s := mustRun(t, o, textSource(Output, "Patient", line+"\n"))
		if got := soleReason(t, o, s); got != want {
			t.Errorf("%s: refused for %q, want %q", line, got, want)
		}
		if rows := tableOf(t, o, s, "patient"); (len(rows) > 1) != (want == "") {
			t.Errorf("%s: rows %v", line, rows)
		}
	}
}

// BenchmarkLimits shows what looking for labels, and for dates, costs.
func BenchmarkLimits(b *testing.B) {
	text, err := io.ReadAll(newObservations(16 << 20))
	if err != nil {
		b.Fatal(err)
	}
	for _, of := range []struct {
		name string
		Limits
	}{{"none", Limits{}}, {"labels", Limits{Withheld: withheld}}, {"dates", Limits{Withheld: withheld, Earliest: time.Unix(0, 0)}}} {
		b.Run(of.name, func(b *testing.B) {
			o := testOptions(b)
			o.Limits = of.Limits
			src := textSource(Output, "Observation", string(text))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				mustRun(b, o, src)
			}
		})
	}
}

// soleReason gives the reason for which the one line of a run was refused.
func soleReason(t *testing.T, o Options, s Summary) string {
	t.Helper()
	if list := refusals(t, o, s); len(list) == 1 {
		return list[0].Reason
	}
	return ""
}

func TestWhatMayNotBeHeldIsTakenOutOfTheDestinations(t *testing.T) {
	o := testOptions(t)
	o.Limits.Withheld = withheld
	text := labelled(`"security":[{"code":"ETH"}]`) + "\n" + `{"resourceType":"Patient","id":"2"}` + "\n" + `{"resourceType":"Patient"}` + "\n"
	s := mustRun(t, o, textSource(Output, "Patient", text))
	if diff := cmp.Diff(map[string]int64{"sensitive:substance-use": 1, quarantine.ReasonNoID: 1}, s.ByReason); diff != "" || s.Withheld != 1 || s.Deletions != 0 {
		t.Errorf("%d withheld, reasons (-want +got):\n%s", s.Withheld, diff)
	}
	rows := tableOf(t, o, s, "_withheld")
	if len(rows) != 2 || !strings.Contains(strings.Join(rows[1], " "), "Patient 1") {
		t.Errorf("_withheld = %v", rows)
	}
	if index := tableOf(t, o, s, "_index"); len(index) != 2 {
		t.Errorf("_index = %v", index)
	}
}

func TestCareBeforeTheEarliestDateIsRefused(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		resource string
		early    bool
	}{
		{`"resourceType":"Observation","effectiveDateTime":"2019-12-31T23:59:59-05:00"`, true},
		{`"resourceType":"Observation","effectiveDateTime":"2020-01-01T00:00:00-05:00"`, false},
		{`"resourceType":"Observation","effectiveDateTime":"2020-01-01T04:59:59Z"`, true},
		{`"resourceType":"Observation","effectiveDateTime":"2019-12-31"`, true},
		{`"resourceType":"Observation","effectiveDateTime":"2019-12"`, true},
		{`"resourceType":"Observation","effectiveDateTime":"2019"`, true},
		{`"resourceType":"Observation","effectiveDateTime":"2020"`, false},
		{`"resourceType":"Observation","effectivePeriod":{"start":"2019-01-01","end":"2020-01-02"}`, false},
		{`"resourceType":"Observation","effectivePeriod":{"start":"2019-01-01","end":"2019-01-02"}`, true},
		{`"resourceType":"Observation","effectiveInstant":"2019-06-01T00:00:00.000Z"`, true},
		{`"resourceType":"Observation","issued":"2019-06-01T00:00:00.000Z"`, false}, // nobody says when it was
		{`"resourceType":"Observation","effectiveDateTime":"some day"`, false},
		{`"resourceType":"Observation","component":[{"effectiveDateTime":"2019"}]`, false},
		{`"resourceType":"Encounter","period":{"start":"2019-01-01"}`, false}, // it goes on
		{`"resourceType":"Encounter","period":{"end":"2019-01-01"}`, true},
		{`"resourceType":"DocumentReference","date":"2021-01-01","context":{"period":{"end":"2019-01-01"}}`, true},
		{`"resourceType":"DocumentReference","date":"2019-01-01"`, true},
		{`"resourceType":"Immunization","occurrenceDateTime":"2019"`, true},
		{`"resourceType":"Condition","onsetDateTime":"2001"`, false},
		{`"resourceType":"Patient","birthDate":"1950-01-01"`, false},
	} {
		o := testOptions(t)
		o.Limits.Earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, newYork)
		o.Permits = func(string) bool { return true }
		s := mustRun(t, o, textSource(Output, "Observation", "{"+tt.resource+`,"id":"1"}`+"\n"))
		if got := soleReason(t, o, s); (got == quarantine.ReasonTooEarly) != tt.early || got != "" && !tt.early {
			t.Errorf("%s: refused for %q, want early %v", tt.resource, got, tt.early)
		}
	}
}

func FuzzNoLabelIsOverlooked(f *testing.F) {
	for _, meta := range []string{
		`{}`, `{"security":[{"code":"ETH"}]}`, `{"secur\u0069ty":[{"code":"ETH"}]}`, `{"tag":[{"code":"security"}]}`, `{"security" :[{"code":"ETH"}]}`,
	} {
		f.Add([]byte(meta))
	}
	f.Fuzz(func(t *testing.T, meta []byte) {
		w := limiter{Limits: Limits{Withheld: withheld}}
		if got := w.category(meta); got != "" && !mayHaveLabels(meta) {
			t.Errorf("%q has a label of category %s, and is not looked at", meta, got)
		}
	})
}

func TestEveryTypeWithADateOfServiceSaysWhere(t *testing.T) {
	for name, elements := range ServiceDates() {
		if len(elements) == 0 || elements[0] == "" {
			t.Errorf("%s: %v", name, elements)
		}
	}
	if got := ServiceDates()["DocumentReference"]; !cmp.Equal(got, []string{"context.period", "date"}) {
		t.Errorf("DocumentReference: %v", got)
	}
}

package ingest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// observations is an endless stream of Observation lines of about 700 bytes.
// Ids are not repeated, so that compression has no easy play.
type observations struct {
	left int64 // bytes still to give
	rest []byte
	buf  []byte
	r    *rand.Rand
}

func newObservations(size int64) *observations {
	return &observations{left: size, r: rand.New(rand.NewPCG(7, 7))}
}

var vitals = []struct{ code, display, unit string }{
	{"8302-2", "Body Height", "cm"},
	{"29463-7", "Body Weight", "kg"},
	{"8480-6", "Systolic Blood Pressure", "mm[Hg]"},
	{"2339-0", "Glucose", "mg/dL"},
	{"6299-2", "Urea Nitrogen", "mg/dL"},
	{"38483-4", "Creatinine", "mg/dL"},
	{"72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}"},
}

func (o *observations) Read(p []byte) (int, error) {
	if len(o.rest) == 0 {
		if o.left <= 0 {
			return 0, io.EOF
		}
		o.line()
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	o.left -= int64(n)
	return n, nil
}

// line makes some lines at once.
func (o *observations) line() {
	o.buf = o.buf[:0]
	patient := [2]uint64{o.r.Uint64(), o.r.Uint64()}
	for range 40 {
		v := vitals[o.r.IntN(len(vitals))]
		o.buf = fmt.Appendf(o.buf, `{"resourceType":"Observation","id":"%016x-%016x","meta":{"lastUpdated":"2024-%02d-%02dT%02d:%02d:%02d.%03dZ","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},`+
			`"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"laboratory"}]}],`+
			`"code":{"coding":[{"system":"http://loinc.org","code":"%s","display":"%s"}],"text":"%s"},"subject":{"reference":"Patient/%016x-%016x"},"encounter":{"reference":"Encounter/%016x-%016x"},`+
			`"effectiveDateTime":"2023-%02d-%02dT10:%02d:%02d-05:00","issued":"2023-01-02T10:11:12.345-05:00","valueQuantity":{"value":%d.%d,"unit":"%s","system":"http://unitsofmeasure.org","code":"%s"}}`+"\n",
			o.r.Uint64(), o.r.Uint64(), 1+o.r.IntN(12), 1+o.r.IntN(28), o.r.IntN(24), o.r.IntN(60), o.r.IntN(60), o.r.IntN(1000),
			v.code, v.display, v.display, patient[0], patient[1], o.r.Uint64(), patient[1],
			1+o.r.IntN(12), 1+o.r.IntN(28), o.r.IntN(60), o.r.IntN(60), o.r.IntN(300), o.r.IntN(100), v.unit, v.unit)
	}
	o.rest = o.buf
}

// BenchmarkIngestObservation runs the whole way from NDJSON in memory to
// staged Parquet with the built-in views.
func BenchmarkIngestObservation(b *testing.B) {
	set, err := views.Load()
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(newObservations(32 << 20))
	if err != nil {
		b.Fatal(err)
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			store, err := blob.OpenLocal(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			scope, err := store.Tenant("north")
			if err != nil {
				b.Fatal(err)
			}
			o := Options{Scope: scope, Export: "e1", Views: set, Workers: workers}
			src := textSource(Output, "Observation", string(text))
			b.SetBytes(int64(len(text)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var lines int64
			for b.Loop() {
				s, err := Run(context.WithoutCancel(b.Context()), o, src)
				if err != nil {
					b.Fatal(err)
				}
				lines += s.Delivered
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(lines), "allocs/line")
			b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

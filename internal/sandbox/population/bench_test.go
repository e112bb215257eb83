package population_test

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

func BenchmarkObservation(b *testing.B) { benchmarkType(b, "Observation") }
func BenchmarkEncounter(b *testing.B)   { benchmarkType(b, "Encounter") }
func BenchmarkPatient(b *testing.B)     { benchmarkType(b, "Patient") }

func benchmarkType(b *testing.B, resourceType string) {
	p := population.New(population.Config{Seed: 1, Patients: 1 << 20, IDs: population.UUID})
	var size, n int64
	b.ReportAllocs()
	for b.Loop() {
		for line, err := range p.Resources(resourceType, time.Time{}, epoch()) {
			if err != nil {
				b.Fatal(err)
			}
			size += int64(len(line)) + 1
			if n++; n%10_000 == 0 {
				break
			}
		}
	}
	b.ReportMetric(float64(size)/1e6/b.Elapsed().Seconds(), "MB/s")
	b.ReportMetric(float64(size)/float64(n), "B/resource")
}

func BenchmarkCount(b *testing.B) {
	p := population.New(population.Config{Seed: 1, Patients: 1000, IDs: population.UUID})
	n := 0
	for b.Loop() {
		n += p.Count("Observation", time.Time{}, epoch())
	}
	b.ReportMetric(float64(n)/1e6/b.Elapsed().Seconds(), "M/s")
}

package trigger

import (
	"path/filepath"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// BenchmarkALookWithNothingToDo is what every second of a bulkhead costs that
// nobody asks for anything.
func BenchmarkALookWithNothingToDo(b *testing.B) {
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	k := New(Options{Config: func() *config.Config { return &config.Config{} }, Store: s})
	for b.Loop() {
		if err := k.CatchUp(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

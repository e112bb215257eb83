package app

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

func TestRunVerifiesTheRecordByItself(t *testing.T) {
	c := &config.Config{Folder: t.TempDir(), Limits: config.Limits{Exports: 1}}
	a, err := Open(t.Context(), c, Options{Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	if err := a.Store.Record(t.Context(), audit.Event{Action: audit.ConfigChanged}, "lakeside", "hillcrest"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"DROP TRIGGER audit_not_updated", "UPDATE audit SET actor = 'nobody' WHERE tenant_id = 'lakeside'"} {
		if _, err := a.Store.DB().ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, end := time.NewTicker(50*time.Millisecond), time.After(20*time.Second)
	defer again.Stop()
	for {
		known, err := a.Store.AuditWatched(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(known) == 3 { // with the house's
			if known[1].Fault != nil || known[1].VerifiedAt.IsZero() || known[2].Fault == nil || known[2].Fault.Seq != 1 {
				t.Errorf("%+v", known)
			}
			return
		}
		select {
		case <-end:
			t.Fatalf("nobody has looked: %+v", known)
		case <-again.C:
		}
	}
}

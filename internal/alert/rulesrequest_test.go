package alert

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// asks writes a request as another program does, and gives its number.
func (w *world) asks(tenant, by string) (id int64) {
	w.t.Helper()
	w.do(tenant, func(tx *store.Tx) (err error) {
		id, err = tx.Ask(store.ExportRequest{Tenant: tenant, Kind: "incremental", By: by, Source: store.FromTable})
		return err
	})
	return id
}

func TestRequestsThatAreRefusedAreToldWithoutTheirWords(t *testing.T) {
	t.Attr("fault", "hostile: a program writes a thousand rows of export_requests that cannot be taken, with names of patients in them -> one message for the practice and one line for ids that nobody has, and none of the words")
	run(t, 1, ", stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		for i := range 20 {
			tenant := []string{"p1", "canary-miller", "canary-jones"}[i%3]
			id := w.asks(tenant, "canary")
			w.do(tenant, func(tx *store.Tx) error {
				return tx.Refuse(id, problem.New(problem.RequestInvalid, `the kind is "canary"`, "Ask for canary."))
			})
		}
		w.pass(4*time.Hour+20*time.Minute, 10*time.Minute)
		if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "by rows of export_requests, were refused and have no export: 7 (request_invalid)") ||
			!strings.Contains(w.sent[0].Body, "for practices that nobody has configured were refused: 13") {
			t.Errorf("told: %+v", w.sent)
		}
		for _, n := range w.sent {
			if strings.Contains(n.Subject+n.Body, "canary") {
				t.Errorf("a caller's words: %s\n%s", n.Subject, n.Body)
			}
		}
		w.told()
		w.pass(day1, 30*time.Minute)
		w.want("[bulkhead] over: p1: a request has no export")
	})
}

func TestARequestThatNobodyTakesUpIsTold(t *testing.T) {
	run(t, 1, ", stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		id := w.asks("p1", "mirth")
		w.pass(36*time.Hour, time.Hour)
		w.want()
		w.pass(6*time.Hour, time.Hour)
		w.want("[bulkhead] warning: p1: a request has no export")
		w.do("p1", func(tx *store.Tx) error {
			x, err := ask(tx, "p1", "incremental")
			return errors.Join(err, tx.Answer(id, x.ID), finish(tx, x, tx.Now(), calm))
		})
		w.pass(day1, time.Hour)
		w.want("[bulkhead] over: p1: a request has no export")
	})
}

package export

import (
	"net/http"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestAServerThatOnlyEverSaysLaterIsShownToAPerson(t *testing.T) {
	for age, want := range map[time.Duration]bool{29 * 24 * time.Hour: false, 31 * 24 * time.Hour: true} {
		w, s := stepOf(t, Poll, lakeside)
		w.Export.RequestedAt, w.Export.AcceptedAt = time.Now().Add(-age), time.Now().Add(-age)
		practice := &s.Config.Tenants[0]
		_, refused := s.pollFailed(practice, w, &bulkdata.StatusError{Op: bulkdata.OpStatus, Status: http.StatusTooManyRequests})
		_, busy := s.busy(practice, w, &bulkdata.BusyError{Status: http.StatusTooManyRequests})
		w.Export.StateAt = time.Now().Add(-age)
		putOff := downloadFailed(practice, w, &bulkdata.StatusError{Op: bulkdata.OpFile, Status: http.StatusTooManyRequests})
		document := putOffForEver(practice, w, endsAttaching(&bulkdata.StatusError{Op: bulkdata.OpAttachment, Status: http.StatusTooManyRequests}), "documents")
		for what, err := range map[string]error{"a status request": refused, "a kick-off": busy, "a file": putOff, "a document": document} {
			p := problem.Of(err)
			if got := p != nil && p.Code == problem.ExportStuck; got != want {
				t.Errorf("%s refused after %v: %v, want the problem export_stuck: %v", what, age, err, want)
			}
		}
	}
}

func TestAServerThatDoesNotWantToBeToldIsNotToldForEver(t *testing.T) {
	for age, want := range map[time.Duration]bool{6 * 24 * time.Hour: false, 8 * 24 * time.Hour: true} {
		w, s := stepOf(t, Release, lakeside)
		w.Export.EndedAt = time.Now().Add(-age)
		err := releaseFailed(&s.Config.Tenants[0], w, &bulkdata.StatusError{Op: bulkdata.OpCancel, Status: http.StatusTooManyRequests})
		if isLater(err) == want {
			t.Errorf("after %v: %v, given up: %v", age, err, want)
		}
	}
}

package export

import (
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestARefusalIsThePracticesUnlessTheFileWantsNoToken(t *testing.T) {
	t.Attr("shows", "P11 D4")
	lakeside := &config.Tenant{ID: "lakeside"}
	for name, c := range map[string]struct {
		kind   string
		answer bulkdata.StatusError
		want   problem.Code
		says   string
	}{
		"a file with a token":       {Download, bulkdata.StatusError{Op: bulkdata.OpFile, Status: 403, WithToken: true}, problem.AccessDenied, "activated"},
		"a token that is not taken": {Download, bulkdata.StatusError{Op: bulkdata.OpFile, Status: 401, WithToken: true}, problem.AccessDenied, "activated"},
		"the status, for a link":    {Download, bulkdata.StatusError{Op: bulkdata.OpStatus, Status: 403, WithToken: true}, problem.AccessDenied, "activated"},
		"the status":                {Poll, bulkdata.StatusError{Op: bulkdata.OpStatus, Status: 401, WithToken: true}, problem.AccessDenied, "activated"},
		"a link that has lapsed":    {Download, bulkdata.StatusError{Op: bulkdata.OpFile, Status: 403}, problem.DownloadFailed, "how long its links last"},
		"a manifest that is wrong":  {Download, bulkdata.StatusError{Op: bulkdata.OpFile, Status: 401}, problem.DownloadFailed, "requiresAccessToken"},
	} {
		p := problem.Of(downloadFailed(lakeside, Work{Lease: store.Lease{StepRef: store.StepRef{Kind: c.kind}, Subject: "0-output-0-Patient"}}, &c.answer))
		if p.Code != c.want || !strings.Contains(p.Remedy, c.says) || p.Tenant != "lakeside" && p.Code == problem.AccessDenied {
			t.Errorf("%s: %v", name, p)
		}
	}
}

func TestAGatewaysAnswerToAKickoffIsNoRefusal(t *testing.T) {
	t.Attr("shows", "BD-064")
	for status, want := range map[int]bool{
		408: false, 429: true, 500: true, 501: true, 502: false, 503: true, 504: false, 520: false, 524: false,
	} {
		if got := refused(&bulkdata.StatusError{Op: bulkdata.OpKickoff, Status: status}); got != want {
			t.Errorf("%d: refused %v", status, got)
		}
	}
	if refused(&bulkdata.UnansweredError{Op: bulkdata.OpKickoff, Err: errUnmatched}) {
		t.Error("no answer is taken for a refusal")
	}
}

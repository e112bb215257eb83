package scenario_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// Texts that overflow who reads them by calling himself.
var (
	nested = strings.Repeat(`[`, 100_000)
	deep   = `{"resourceType":"OperationOutcome","a":` + strings.Repeat(`{"a":`, 100_000)
)

// says answers with a text.
func says(status int, text string) act {
	return func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Location", "https://127.0.0.1/status")
		w.WriteHeader(status)
		io.WriteString(w, text)
		return true
	}
}

// floods answers with a text that does not end.
func floods(status int, text string) act {
	return func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		w.WriteHeader(status)
		endless(w, text)
		return true
	}
}

// leads redirects; "itself" is the URL that was asked for.
func leads(to string) act {
	return func(_ sandbox.Request, w http.ResponseWriter, r *http.Request, _ func() *httptest.ResponseRecorder) bool {
		w.Header().Set("Location", strings.ReplaceAll(to, "itself", r.URL.Path+"?"+r.URL.RawQuery))
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
}

func TestACapabilityStatementThatCannotBeUsedStopsNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		do   act
	}{
		{"nested 100,000 deep", says(200, deep)},
		{"without end", floods(200, `{"a":1},`)},
		{"that redirects to itself", leads("itself")},
		{"that redirects to this machine", leads("https://127.0.0.1/")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Attr("fault", "hostile: CapabilityStatement "+c.name+" -> passed over, complete")
			hostile(t, beside(nil), func(w *scenario.World) {
				plays(w, sandbox.KindMetadata, c.do)
				x := w.Want(unnoticed(w), life.Completed)
				if x.Happened("capability_unread") != 1 {
					t.Errorf("nobody is told: %s", x)
				}
			})
		})
	}
}

func TestAnswersThatCannotBeUsedInTheMidstOfALife(t *testing.T) {
	const storage = "https://storage.ehr.test/LAKESIDE/x/y"
	for _, c := range []struct {
		name string
		on   sandbox.Kind
		do   act
		ends life.State
		code problem.Code
	}{
		{"SMART configuration nested 100,000 deep", sandbox.KindSMART, says(200, nested), life.Failed, problem.DiscoveryFailed},
		{"SMART configuration without end", sandbox.KindSMART, floods(200, `{"a":1},`), life.Failed, problem.DiscoveryFailed},
		{"SMART configuration that redirects to itself", sandbox.KindSMART, leads("itself"), life.Failed, problem.DiscoveryFailed},
		{"SMART configuration that redirects to this machine", sandbox.KindSMART, leads("https://127.0.0.1/"), life.Failed, problem.ServerUnreachable},
		{"token answer nested 100,000 deep", sandbox.KindToken, says(200, deep), life.Failed, problem.TokenRefused},
		{"token answer without end", sandbox.KindToken, floods(200, `{"a":1},`), life.Failed, problem.TokenRefused},
		{"token refusal nested 100,000 deep", sandbox.KindToken, says(400, deep), life.Failed, problem.TokenRefused},
		{"token endpoint that redirects with the assertion", sandbox.KindToken, leads(storage), life.Failed, problem.TokenRefused},
		{"kick-off refused by an outcome nested 100,000 deep", sandbox.KindKickoff, says(400, deep), life.Failed, problem.KickoffRefused},
		{"kick-off refused without end", sandbox.KindKickoff, floods(400, `{"a":1},`), life.Failed, problem.KickoffRefused},
		{"status URL on this machine", sandbox.KindKickoff, says(202, ""), life.Unknown, problem.KickoffUnknown},
		{"manifest that is a list nested 100,000 deep", sandbox.KindPoll, says(200, nested), life.Failed, problem.ExportFailed},
		{"manifest nested 100,000 deep", sandbox.KindPoll, says(200, deep), life.Failed, problem.ManifestInvalid},
		{"manifest without end", sandbox.KindPoll, floods(200, strings.Repeat(" ", 1<<20)), life.Failed, problem.ManifestInvalid},
		{"status with an outcome nested 100,000 deep", sandbox.KindPoll, says(500, deep), life.Failed, problem.ExportFailed},
		{"status that redirects to itself", sandbox.KindPoll, leads("itself"), life.Failed, problem.ExportFailed},
		{"status that redirects to the storage", sandbox.KindPoll, leads(storage), life.Failed, problem.AccessDenied},
		{"file refused by an outcome nested 100,000 deep", sandbox.KindFile, says(400, deep), life.Failed, problem.DownloadFailed},
		{"file that redirects to itself", sandbox.KindFile, leads("itself"), life.Failed, problem.DownloadFailed},
		{"file that redirects to plain http", sandbox.KindFile, leads("http://storage.ehr.test/x"), life.Failed, problem.DownloadFailed},
		{"file that redirects to a file", sandbox.KindFile, leads("file:///etc/passwd"), life.Failed, problem.DownloadFailed},
		{"file that redirects to this machine", sandbox.KindFile, leads("https://localhost/x"), life.Failed, problem.DownloadFailed},
		{"file that redirects to a cloud's secrets", sandbox.KindFile, leads("https://169.254.169.254/x"), life.Failed, problem.DownloadFailed},
		{"file that redirects to the storage with the token", sandbox.KindFile, leads(storage), life.Failed, problem.DownloadFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Attr("fault", "hostile: "+c.name+" -> "+string(c.ends)+" with "+string(c.code)+", no token leaves")
			hostile(t, beside(nil), func(w *scenario.World) {
				plays(w, c.on, c.do)
				x := w.Want(unnoticed(w), c.ends)
				if x.ProblemCode != string(c.code) {
					t.Errorf("problem %s, want %s: %s", x.ProblemCode, c.code, x)
				}
			})
		})
	}
}

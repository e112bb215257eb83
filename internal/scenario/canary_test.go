package scenario_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

const word = scenario.Canary

// spoken are the headers in which a server can say anything.
func spoken(h http.Header) {
	for _, name := range []string{"Server", "X-Progress", "Retry-After", "Content-Disposition", "Etag", "Warning", "Link", "X-Request-Id", "Via", "Date", "Expires", "X-Export-Status"} {
		h.Set(name, word)
	}
	h.Set("Www-Authenticate", `Bearer error="`+word+`", error_description="`+word+`"`)
	h.Set("Set-Cookie", word+"="+word)
}

// outcome is an OperationOutcome that says the canary in all that it says.
var outcome = strings.ReplaceAll(`{"resourceType":"OperationOutcome","id":"WORD","text":{"div":"WORD"},"issue":[{"severity":"error","code":"processing",`+
	`"diagnostics":"no such patient: WORD","details":{"text":"WORD","coding":[{"system":"WORD","code":"WORD","display":"WORD"}]},"expression":["WORD"]},`+
	`{"severity":"WORD","code":"WORD","diagnostics":"WORD"}],"error":"WORD","error_description":"WORD","error_uri":"https://WORD"}`, "WORD", word)

// answers is an answer whose headers say the canary, with some of its own.
func answers(status int, text string, headers ...string) act {
	return func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		spoken(w.Header())
		w.Header().Set("Content-Type", "application/fhir+json")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, text)
		return true
	}
}

// wire answers with bytes that net/http would not send.
func wire(text string) act {
	return func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, text)
		conn.Close()
		panic(http.ErrAbortHandler)
	}
}

// A canaryPath is one way that an export may take.
type canaryPath struct {
	name string
	do   act
}

// canaryPaths are the ways that a practice's exports take, one after another,
// by the kind of request at which they leave the usual one. A new one is a line.
func canaryPaths() map[sandbox.Kind][]canaryPath {
	paths := map[sandbox.Kind][]canaryPath{}
	for _, kind := range []sandbox.Kind{
		sandbox.KindMetadata, sandbox.KindSMART, sandbox.KindToken, sandbox.KindKickoff, sandbox.KindPoll, sandbox.KindFile, sandbox.KindAttachment, sandbox.KindOther, sandbox.KindDelete,
	} {
		for _, status := range []int{400, 401, 403, 404, 429, 500} {
			paths[kind] = append(paths[kind], canaryPath{fmt.Sprintf("%d and an outcome", status), answers(status, outcome)})
		}
		paths[kind] = append(paths[kind],
			canaryPath{"a page", answers(200, W("<html>WORD</html>"), "Content-Type", W("text/html; charset=WORD"))},
			canaryPath{"a page of a gateway", answers(502, W("<html>WORD</html>"), "Content-Type", "text/html")},
			canaryPath{"a content type nobody knows", answers(200, word, "Content-Type", W("application/WORD"))},
			canaryPath{"a coding nobody knows", answers(200, word, "Content-Encoding", word)},
			canaryPath{"another resource", answers(200, W(`{"resourceType":"WORD","WORD":"WORD"}`))},
			canaryPath{"broken JSON", answers(200, W(`{"WORD":WORD`))},
			canaryPath{"JSON that repeats itself", answers(200, W(`{"WORD":1,"WORD":2,"output":[{"WORD":1,"WORD":1}]}`))},
			canaryPath{"a redirect to a host", answers(307, "", "Location", W("https://other.ehr.test/WORD?sig=WORD"))},
			canaryPath{"a redirect to what is no URL", answers(307, "", "Location", W("https://WORD:WORD%zz/ WORD"))},
			canaryPath{"what is no HTTP", wire(W("WORD WORD\r\n\r\n"))},
			canaryPath{"a status that is none", wire(W("HTTP/1.1 WORD WORD\r\n\r\n"))},
			canaryPath{"a header that is none", wire(W("HTTP/1.1 200 OK\r\nWORD WORD\r\n\r\n"))},
			canaryPath{"a length that is none", wire(W("HTTP/1.1 200 OK\r\nContent-Length: WORD\r\n\r\n"))},
			canaryPath{"chunks that are none", wire(W("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nWORD\r\n"))},
			canaryPath{"a trailer that is none", wire(W("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: WORD\r\n\r\n0\r\nWORD WORD\r\n\r\n"))},
			canaryPath{"a transfer coding that is none", wire(W("HTTP/1.1 200 OK\r\nTransfer-Encoding: WORD\r\n\r\nWORD\r\n"))},
			canaryPath{"an answer that is cut", wire(W("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"WORD\":\"WORD"))},
		)
	}
	return paths
}

// W puts the canary into a text.
func W(text string) string { return strings.ReplaceAll(text, "WORD", word) }

func TestNothingThatAServerOrAPatientSaysIsRepeated(t *testing.T) {
	t.Attr("fault", "canary: records that say a canary in every element, and servers that say it in every header, text, name and URL, on every path of success and failure -> no log, ledger, problem, page or file says it, but where records belong")
	for kind, paths := range canaryPaths() {
		t.Run(string(kind), func(t *testing.T) {
			scenario.Run(t, canaryPractice(t), func(w *scenario.World) {
				w.KeepID("a patient's id", personal)
				for _, path := range paths {
					goes(w, kind, path)
				}
				w.Want(goes(w, kind, canaryPath{}), life.Completed)
			})
		})
	}
}

// goes lets the practice's next export take a path, and looks at what is told
// of it. What is kept of it is searched when the world ends.
func goes(w *scenario.World, on sandbox.Kind, path canaryPath) *scenario.Export {
	w.T().Helper()
	w.Play(func(q sandbox.Request, a http.ResponseWriter, r *http.Request, usual func() *httptest.ResponseRecorder) bool {
		if q.Kind == on && path.do != nil {
			return path.do(q, a, r, usual)
		}
		return q.Kind == sandbox.KindFile && files(q, a, r, usual)
	})
	w.Sandbox.Revoke()
	w.Restart()
	before := len(w.Log())
	x := w.Full()
	said := x.String() + x.ProblemRemedy + w.Log()[before:]
	if i := strings.Index(strings.ToLower(said), strings.ToLower(word)); i >= 0 {
		w.T().Errorf("%s: %.200q", path.name, said[max(0, i-100):])
	}
	if !x.State.Over() {
		if err := w.Engine.Cancel(w.T().Context(), x.Tenant, x.ID, "test"); err != nil {
			w.T().Error(err)
		}
	}
	w.Pass(time.Minute)
	return x
}

// says runs a command on the world's configuration and gives all it prints.
func command(w *scenario.World, args ...string) string {
	var out bytes.Buffer
	args = append([]string{"--config", w.ConfigFile(), "--log", "debug"}, args...)
	status := cli.Main(w.T().Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out})
	text := fmt.Sprintf("$ bulkhead %s\n%s(%d)\n", strings.Join(args, " "), out.String(), status)
	w.Told("the output of "+args[4], text)
	return text
}

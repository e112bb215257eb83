package scenario_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// word is said by servers and records wherever they can; inPath and inQuery
// are in links that bulkhead has to keep.
const (
	word    = scenario.Canary
	inPath  = "Haubenmeise"
	inQuery = "Neuntoeter"
)

// W puts the canaries into a text.
func W(text string) string {
	return strings.NewReplacer("WORD", word, "PATH", inPath, "QUERY", inQuery).Replace(text)
}

// A canaryPath is one way that an export may take: nil for the usual one.
type canaryPath struct {
	name string
	do   act
}

// A canaryRoad is the ways that leave the usual one at requests of the same
// kinds.
type canaryRoad struct {
	name  string
	on    []sandbox.Kind
	paths []canaryPath
}

// canaryRoads are the ways that a practice's exports take. A new one is a line.
func canaryRoads() []canaryRoad {
	wrong := wrongAnswers()
	return []canaryRoad{
		{"beside the way", []sandbox.Kind{sandbox.KindMetadata, sandbox.KindAttachment, sandbox.KindOther, sandbox.KindDelete}, wrong},
		{"discovery", []sandbox.Kind{sandbox.KindSMART}, append(wrong, configurations()...)},
		{"token", []sandbox.Kind{sandbox.KindToken}, append(wrong, tokens()...)},
		{"kick-off", []sandbox.Kind{sandbox.KindKickoff}, append(wrong, locations()...)},
		{"status", []sandbox.Kind{sandbox.KindPoll}, append(wrong, manifests()...)},
		{"file", []sandbox.Kind{sandbox.KindFile}, wrong},
	}
}

// wrongAnswers are what any request may be answered.
func wrongAnswers() (paths []canaryPath) {
	for _, status := range []int{400, 401, 404, 429, 500} {
		paths = append(paths, canaryPath{fmt.Sprintf("%d and an outcome", status), answers(status, outcome)})
	}
	return append(paths, []canaryPath{
		{"a page", answers(200, W("<html>WORD</html>"), "Content-Type", W("text/html; charset=WORD"))},
		{"a page of a gateway", answers(502, W("<html>WORD</html>"), "Content-Type", "text/html")},
		{"a content type nobody knows", answers(200, word, "Content-Type", W("application/WORD"))},
		{"a coding nobody knows", answers(200, word, "Content-Encoding", word)},
		{"another resource", answers(200, W(`{"resourceType":"WORD","WORD":"WORD"}`))},
		{"broken JSON", answers(200, W(`{"WORD":WORD`))},
		{"JSON that repeats itself", answers(200, W(`{"WORD":1,"WORD":2,"output":[{"WORD":1,"WORD":1}]}`))},
		{"a redirect to a host", answers(307, "", "Location", W("https://other.ehr.test/WORD?sig=WORD"))},
		{"a redirect to what is no URL", answers(307, "", "Location", W("https://WORD:WORD%zz/ WORD"))},
		{"what is no HTTP", wire(W("WORD WORD\r\n\r\n"))},
		{"a status that is none", wire(W("HTTP/1.1 WORD WORD\r\n\r\n"))},
		{"a header that is none", wire(W("HTTP/1.1 200 OK\r\nWORD WORD\r\n\r\n"))},
		{"a length that is none", wire(W("HTTP/1.1 200 OK\r\nContent-Length: WORD\r\n\r\n"))},
		{"chunks that are none", wire(W("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nWORD\r\n"))},
		{"a trailer that is none", wire(W("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: WORD\r\n\r\n0\r\nWORD WORD\r\n\r\n"))},
		{"a transfer coding that is none", wire(W("HTTP/1.1 200 OK\r\nTransfer-Encoding: WORD\r\n\r\nWORD\r\n"))},
		{"an answer that is cut", wire(W("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"WORD\":\"WORD"))},
	}...)
}

// configurations are SMART configurations that are JSON.
func configurations() []canaryPath {
	const token = `"token_endpoint":"https://login.ehr.test/oauth/practice/LAKESIDE/token",`
	return []canaryPath{
		{"lists of words", answers(200, W(`{`+token+`"grant_types_supported":["WORD"],"token_endpoint_auth_methods_supported":["WORD"],"token_endpoint_auth_signing_alg_values_supported":["WORD"],`+
			`"scopes_supported":["WORD"],"capabilities":["WORD"],"issuer":"WORD","WORD":"WORD"}`), "Retry-After", "1", "Date", "")},
		{"an endpoint that is no URL", answers(200, W(`{"token_endpoint":"WORD WORD"}`))},
		{"an endpoint with a password", answers(200, W(`{"token_endpoint":"https://WORD:WORD@login.ehr.test/WORD?WORD"}`))},
		{"an endpoint with a query", answers(200, W(`{"token_endpoint":"https://login.ehr.test/?WORD=WORD"}`))},
		{"an endpoint that is a number", answers(200, W(`{"token_endpoint":1,"WORD":"WORD"}`))},
	}
}

// tokens are answers of token endpoints.
func tokens() []canaryPath {
	return []canaryPath{
		{"a refusal in words", answers(400, W(`{"error":"invalid_client","error_description":"WORD","error_uri":"https://WORD"}`), "Retry-After", "")},
		{"a code nobody knows", answers(401, W(`{"error":"WORD","error_description":"WORD"}`), "Retry-After", "")},
		{"a refusal that echoes", func(_ sandbox.Request, w http.ResponseWriter, r *http.Request, _ func() *httptest.ResponseRecorder) bool {
			form, _ := io.ReadAll(r.Body) // whatever came is echoed
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":"invalid_request","error_description":%q}`, form)
			return true
		}},
		{"a type nobody knows", answers(200, W(`{"access_token":"WORD","token_type":"WORD","expires_in":300}`))},
		{"a life that is none", answers(200, W(`{"access_token":"WORD","token_type":"bearer","expires_in":"WORD"}`))},
		{"a token that no header may have", answers(200, W(`{"access_token":"WORD\r\nWORD: WORD","token_type":"bearer"}`))},
		{"a token that opens nothing, and scopes of words", answers(200, W(`{"access_token":"WORDWORD","token_type":"bearer","expires_in":300,"scope":"WORD WORD/Patient.rs system/Patient.rs system/Patient.rs?name=WORD"}`))},
	}
}

// locations are answers to kick-offs.
func locations() (paths []canaryPath) {
	for name, location := range map[string]string{
		"a text": "PATH PATH?sig=QUERY", "another host": "https://other.ehr.test/PATH?sig=QUERY", "another scheme": "WORD://x/y", "a password": "https://WORD:WORD@fhir.ehr.test/x",
		"a status nobody knows": "https://fhir.ehr.test/r4/LAKESIDE/PATH?sig=QUERY", "what is no URL": "https://WORD%zz/ WORD",
	} {
		paths = append(paths, canaryPath{"Content-Location is " + name, answers(202, outcome, "Content-Location", W(location), "Retry-After", "")})
	}
	return paths
}

// manifests are answers to polls.
func manifests() []canaryPath {
	item := func(m map[string]any) map[string]any { return m["output"].([]any)[0].(map[string]any) }
	polls := 0
	paths := []canaryPath{{"progress in words", func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		spoken(w.Header())
		w.Header().Set("X-Progress", W("WORD is at 50% of WORD"))
		w.Header().Set("Retry-After", "10")
		if polls++; polls < 3 {
			w.WriteHeader(http.StatusAccepted)
		}
		return polls < 3
	}}}
	for name, change := range map[string]func(m map[string]any){
		"a type that is none":      func(m map[string]any) { item(m)["type"] = W("WORD/../WORD") },
		"a file nobody has":        func(m map[string]any) { item(m)["url"] = W("https://fhir.ehr.test/r4/LAKESIDE/PATH?sig=QUERY") },
		"a file of another host":   func(m map[string]any) { item(m)["url"] = W("https://other.ehr.test/PATH?sig=QUERY") },
		"a file of another scheme": func(m map[string]any) { item(m)["url"] = W("ftp://PATH/PATH?sig=QUERY") },
		"a file that is no URL":    func(m map[string]any) { item(m)["url"] = W("https://QUERY%zz QUERY") },
		"a file with a password":   func(m map[string]any) { item(m)["url"] = W("https://QUERY:QUERY@fhir.ehr.test/r4/x") },
		"extensions, and a count and a time that are none": func(m map[string]any) {
			item(m)["extension"], item(m)["count"] = map[string]any{word: word, W("http://WORD"): word}, word
			m["transactionTime"], m["request"] = word, W("https://WORD/?WORD")
		},
		"FHIR's extensions, and an organization": func(m map[string]any) {
			item(m)["extension"] = []any{map[string]any{"url": W("http://WORD/WORD"), "valueString": word}}
			m["outputOrganizedBy"] = W("WORD 1")
		},
		"a modifier extension": func(m map[string]any) {
			item(m)["modifierExtension"] = []any{map[string]any{"url": W("http://WORD"), "valueString": word}}
		},
		"no word on tokens": func(m map[string]any) { m["requiresAccessToken"], m[word] = word, word },
		"a page nobody has": func(m map[string]any) {
			m["link"] = []any{map[string]any{"relation": "next", "url": W("https://fhir.ehr.test/r4/LAKESIDE/PATH?sig=QUERY")}}
		},
		"a page of another host": func(m map[string]any) {
			m["link"] = []any{map[string]any{"relation": "next", "url": W("https://other.ehr.test/PATH?sig=QUERY")}}
		},
		"a page that is no URL":     func(m map[string]any) { m["link"] = []any{map[string]any{"relation": word, "url": W("WORD WORD")}} },
		"a member of a wrong shape": func(m map[string]any) { m["output"] = map[string]any{word: word} },
	} {
		paths = append(paths, canaryPath{"the manifest has " + name, manifest(change)})
	}
	return paths
}

// spoken are the headers in which a server can say anything.
func spoken(h http.Header) {
	for _, name := range []string{"Server", "X-Progress", "Retry-After", "Content-Disposition", "Etag", "Warning", "Link", "X-Request-Id", "Via", "Date", "Expires", "X-Export-Status"} {
		h.Set(name, word)
	}
	h.Set("Www-Authenticate", W(`Bearer error="WORD", error_description="WORD"`))
	h.Set("Set-Cookie", W("WORD=WORD"))
}

// outcome is an OperationOutcome that says the canary in all that it says.
var outcome = W(`{"resourceType":"OperationOutcome","id":"WORD","text":{"div":"WORD"},"issue":[{"severity":"error","code":"processing",` +
	`"diagnostics":"no such patient: WORD","details":{"text":"WORD","coding":[{"system":"WORD","code":"WORD","display":"WORD"}]},"expression":["WORD"]},` +
	`{"severity":"WORD","code":"WORD","diagnostics":"WORD"}],"error":"WORD","error_description":"WORD","error_uri":"https://WORD"}`)

// answers is an answer whose headers say the canary, with some of its own; an
// empty one is left out.
func answers(status int, text string, headers ...string) act {
	return func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		spoken(w.Header())
		w.Header().Set("Content-Type", "application/fhir+json")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
			if headers[i+1] == "" {
				w.Header().Del(headers[i])
			}
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

package bulkdata

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ndjson = `{"resourceType":"Patient","id":"1"}` + "\n" + `{"resourceType":"Patient","id":"2"}` + "\n"

func patientFile(url string, access AccessRule) File {
	return File{Section: OutputSection, Type: "Patient", URL: url, Access: access}
}

func TestTheTokenGoesOnlyWhereItMay(t *testing.T) {
	t.Attr("shows", "BD-001 BD-096 BD-125 BD-126 BD-127 BD-128 BD-129 BD-131 BS-103 D2 M3")
	for name, c := range map[string]struct {
		file    File
		token   bool
		refused bool
	}{
		"required at the base":        {patientFile(base+"/f?sig=%7E,~", TokenRequired), true, false},
		"required, other spelling":    {patientFile("https://FHIR.example:443/f", TokenRequired), true, false},
		"required at an allowed one":  {patientFile("https://files.example/f", TokenRequired), true, false},
		"required elsewhere":          {patientFile("https://evil.example/f?sig=secret", TokenRequired), false, true},
		"required on another port":    {patientFile("https://fhir.example:8443/f", TokenRequired), false, true},
		"required on a subdomain":     {patientFile("https://x.fhir.example/f", TokenRequired), false, true},
		"forbidden at the base":       {patientFile(base+"/f", TokenForbidden), false, false},
		"forbidden elsewhere":         {patientFile("https://store.example/f?sig=1", TokenForbidden), false, false},
		"unstated at the base":        {patientFile(base+"/f", TokenUnstated), true, false},
		"unstated at an allowed one":  {patientFile("https://files.example/f", TokenUnstated), false, false},
		"forbidden over http":         {patientFile("http://store.example/f?sig=secret", TokenForbidden), false, true},
		"forbidden over private http": {patientFile("http://127.0.0.1/f", TokenForbidden), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			client := clientOf(t, func(r *http.Request) (*http.Response, error) {
				asked++
				want := ""
				if c.token {
					want = "Bearer token-1"
				}
				if r.Header.Get("Authorization") != want || r.URL.String() != c.file.URL || r.Header.Get("Accept") != ndjsonType || r.Header.Get("Accept-Encoding") != "gzip" {
					t.Errorf("%s %v", r.URL, r.Header)
				}
				return reply(200, ndjson, "Content-Type", ndjsonType), nil
			}, func(cfg *Config) { cfg.AllowedOrigins = []string{"https://files.example"} })
			b, err := client.Open(t.Context(), c.file, OpenOptions{})
			if _, origin := errors.AsType[*OriginError](err); origin != c.refused || c.refused && (asked != 0 || strings.Contains(err.Error(), "secret")) {
				t.Fatalf("Open = %v after %d requests", err, asked)
			}
			if err == nil {
				mustRead(t, b, ndjson)
			}
		})
	}
}

func TestFilesThatCannotBeAskedFor(t *testing.T) {
	t.Attr("shows", "BD-106")
	c := clientOf(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request left")
		return reply(200, ""), nil
	}, nil)
	modified := patientFile(base+"/f", TokenRequired)
	modified.Modified = true
	for name, f := range map[string]File{
		"no URL": patientFile("", TokenRequired), "relative": patientFile("/f", TokenRequired),
		"broken": patientFile("https://h/%zz", TokenRequired), "modified": modified, "no rule": {URL: base + "/f"},
	} {
		if _, err := c.Open(t.Context(), f, OpenOptions{}); err == nil || Temporary(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []OpenOptions{{Offset: -1, IfRange: `"x"`}, {Offset: 5}, {Offset: 5, IfRange: `W/"x"`}} {
		if _, err := c.Open(t.Context(), patientFile(base+"/f", TokenRequired), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestARedirectThatIsNotPermittedIsNotFollowed(t *testing.T) {
	asked := 0
	store := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(ndjson))
	}))
	defer store.Close()
	c, srv := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/g" {
			w.Header().Set("Content-Type", "application/fhir+ndjson")
			_, _ = w.Write([]byte(ndjson))
			return
		}
		w.Header().Set("Location", map[string]string{"/f": store.URL + "/b?X-Sig=secret", "/near": "/g"}[r.URL.Path])
		w.WriteHeader(http.StatusTemporaryRedirect)
	}, func(cfg *Config) {
		cfg.HTTPClient = store.Client()
		cfg.FileRedirect = func(from, to *url.URL) bool { return from.Host == to.Host }
	})
	_, err := c.Open(t.Context(), patientFile(srv.URL+"/f", TokenRequired), OpenOptions{})
	refused, ok := errors.AsType[*OriginError](err)
	if !ok || asked > 0 || strings.Contains(err.Error(), "secret") || refused.Origin != store.URL {
		t.Errorf("Open = %v after %d requests to the store", err, asked)
	}
	b, err := c.Open(t.Context(), patientFile(srv.URL+"/near", TokenRequired), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestARedirectToAStoreLosesTheToken(t *testing.T) {
	t.Attr("shows", "BD-130 BS-105 D1")
	store := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Authorization"]) > 0 || len(r.Header["Cookie"]) > 0 || len(r.Header["Referer"]) > 0 {
			t.Errorf("the store got %v", r.Header)
		}
		if r.RequestURI != "/b?X-Sig=a%2Fb,~" {
			t.Errorf("the store was asked for %s", r.RequestURI)
		}
		w.Header().Set("Content-Type", "binary/octet-stream")
		_, _ = w.Write([]byte(ndjson))
	}))
	defer store.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c, srv := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer token-1" {
				t.Errorf("the server got %v", r.Header)
			}
			w.Header().Set("Location", store.URL+"/b?X-Sig=a%2Fb,~")
			w.WriteHeader(status)
		}, func(cfg *Config) { cfg.HTTPClient = store.Client() })
		b, err := c.Open(t.Context(), patientFile(srv.URL+"/f", TokenRequired), OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		mustRead(t, b, ndjson)
	}
}

func TestFileErrors(t *testing.T) {
	t.Attr("shows", "BD-136 BS-112")
	for status, temporary := range map[int]bool{401: false, 403: false, 404: false, 410: false, 408: true, 429: true, 500: true, 503: true} {
		var seen []string
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.Header.Get("Authorization"))
			return reply(status, outcomeOf("processing"), "Retry-After", "9"), nil
		}, nil)
		_, err := c.Open(t.Context(), patientFile(base+"/f?secret", TokenRequired), OpenOptions{})
		s, ok := errors.AsType[*StatusError](err)
		if !ok || s.Status != status || Temporary(err) != temporary || s.Gone() != (status == 404 || status == 410) ||
			s.RetryAfter.Wait.Seconds() != 9 || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: %v", status, err)
		}
		if want := map[bool]int{true: 2, false: 1}[status == 401]; len(seen) != want {
			t.Errorf("%d: requests with %v", status, seen)
		}
	}
	_, err := clientOf(t, func(*http.Request) (*http.Response, error) { return reply(206, ndjson), nil }, nil).
		Open(t.Context(), patientFile(base+"/f", TokenRequired), OpenOptions{})
	if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Reason != UnexpectedStatus {
		t.Errorf("206 to a whole request = %v", err)
	}
}

func TestContentTypesOfFiles(t *testing.T) {
	t.Attr("shows", "BD-135")
	for contentType, c := range map[string]struct {
		note   []Deviation
		refuse bool
	}{
		"application/fhir+ndjson":                {},
		"application/fhir+ndjson; charset=utf-8": {},
		"Application/X-NDJSON":                   {},
		"application/ndjson":                     {},
		"application/json":                       {[]Deviation{ContentTypeNotNDJSON}, false},
		"application/octet-stream":               {[]Deviation{ContentTypeNotNDJSON}, false},
		"text/plain;charset":                     {[]Deviation{ContentTypeNotNDJSON}, false},
		"":                                       {[]Deviation{ContentTypeMissing}, false},
		"text/html":                              {nil, true},
		"application/zip":                        {nil, true},
		"text/csv; header=x":                     {nil, true},
	} {
		answer := reply(200, ndjson, "Content-Type", contentType)
		if contentType == "" {
			answer.Header.Del("Content-Type")
		}
		b, err := clientOf(t, func(*http.Request) (*http.Response, error) { return answer, nil }, nil).
			Open(t.Context(), patientFile(base+"/f", TokenRequired), OpenOptions{})
		if p, refused := errors.AsType[*ProtocolError](err); refused != c.refuse || refused && p.Reason != ContentTypeUnexpected {
			t.Errorf("%q: %v", contentType, err)
			continue
		}
		if err == nil {
			mustRead(t, b, ndjson)
			if diff := cmp.Diff(c.note, b.Deviations); diff != "" {
				t.Errorf("%q: %s", contentType, diff)
			}
		}
	}
}

func TestABodyThatIsNoFile(t *testing.T) {
	t.Attr("shows", "BD-135 D8")
	pretty := "{\n  \"id\": \"x\",\n  \"resourceType\": \"OperationOutcome\",\n  \"issue\": [{\"severity\":\"error\",\"code\":\"expired\"}]\n}\n"
	mixed := outcomeOf("processing") + "\n" + ndjson
	for name, c := range map[string]struct {
		contentType, body string
		file              File
		reason            Reason // "" for a file
	}{
		"HTML under a false name":    {ndjsonType, "\n <!doctype html>", patientFile(base, TokenRequired), ContentTypeUnexpected},
		"binary":                     {ndjsonType, strings.Repeat("\xfe\x00{\x80\"\n", 100), patientFile(base, TokenRequired), ContentTypeUnexpected},
		"a broken byte in a line":    {ndjsonType, "{\"id\":\"\xfe\x00\"}\n", patientFile(base, TokenRequired), ""},
		"outcome":                    {"application/fhir+json", outcomeOf("expired"), patientFile(base, TokenRequired), OutcomeNotData},
		"outcome as NDJSON":          {ndjsonType, outcomeOf("expired") + "\n", patientFile(base, TokenRequired), OutcomeNotData},
		"pretty outcome":             {ndjsonType, pretty, patientFile(base, TokenRequired), OutcomeNotData},
		"long outcome":               {"application/json", outcomeOf(strings.Fields(strings.Repeat("expired ", 300))...), patientFile(base, TokenRequired), OutcomeNotData},
		"outcome in deleted":         {ndjsonType, outcomeOf("expired"), File{Section: DeletedSection, URL: base, Access: TokenRequired}, OutcomeNotData},
		"outcome before data":        {ndjsonType, mixed, patientFile(base, TokenRequired), ""},
		"outcomes in error":          {ndjsonType, outcomeOf("expired"), File{Section: ErrorSection, URL: base, Access: TokenRequired}, ""},
		"outcomes that are the type": {ndjsonType, outcomeOf("expired"), File{Section: OutputSection, Type: "OperationOutcome", URL: base, Access: TokenRequired}, ""},
		"one patient":                {"application/json", ndjson[:35], patientFile(base, TokenRequired), ""},
		"empty":                      {ndjsonType, "", patientFile(base, TokenRequired), ""},
		"blank lines":                {ndjsonType, "\n\n\n", patientFile(base, TokenRequired), ""},
		"broken":                     {ndjsonType, `{"a":`, patientFile(base, TokenRequired), ""},
		"BOM":                        {ndjsonType, "\xef\xbb\xbf" + ndjson, patientFile(base, TokenRequired), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := clientOf(t, func(*http.Request) (*http.Response, error) {
				return reply(200, c.body, "Content-Type", c.contentType), nil
			}, nil).Open(t.Context(), c.file, OpenOptions{})
			p, refused := errors.AsType[*ProtocolError](err)
			if refused != (c.reason != "") || refused && p.Reason != c.reason {
				t.Fatalf("Open = %v", err)
			}
			if refused {
				if c.reason == OutcomeNotData && c.contentType != "application/json" && !p.Outcome.HasCode("expired") {
					t.Errorf("outcome = %v", p.Outcome)
				}
				return
			}
			mustRead(t, b, c.body)
		})
	}
}

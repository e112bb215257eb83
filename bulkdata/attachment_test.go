package bulkdata

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnAttachmentGetsTheTokenItsManifestAsksFor(t *testing.T) {
	t.Attr("shows", "BD-150 BD-153 BD-154 BS-104")
	other, seen := scriptOf(t, nil, said{200, "scan", nil})
	for name, x := range map[string]struct {
		url    string
		access AccessRule
		asked  string // the path at the EHR, or else at the other host
		token  bool
	}{
		"relative":               {"Binary/1", TokenRequired, "/fhir/Binary/1", true},
		"relative with a query":  {"Binary/1?x=%7E,~", TokenRequired, "/fhir/Binary/1?x=%7E,~", true},
		"rooted":                 {"/docs/1", TokenRequired, "/docs/1", true},
		"absolute":               {"BASE/docs/1", TokenRequired, "/docs/1", true},
		"forbidden":              {"Binary/1", TokenForbidden, "/fhir/Binary/1", false},
		"unstated":               {"Binary/1", TokenUnstated, "/fhir/Binary/1", true},
		"elsewhere":              {seen.url + "/a", TokenRequired, "", false},
		"elsewhere, open":        {seen.url + "/a", TokenForbidden, "/a", false},
		"elsewhere, not stated":  {seen.url + "/a", TokenUnstated, "/a", false},
		"plain":                  {"http://fhir.example/a", TokenForbidden, "", false},
		"a scheme of its own":    {"urn:uuid:1", TokenForbidden, "", false},
		"contained":              {"#1", TokenRequired, "", false},
		"nothing":                {"", TokenRequired, "", false},
		"broken":                 {"%zz", TokenRequired, "", false},
		"another host, relative": {"//evil.example/a", TokenRequired, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := scriptOf(t, func(cfg *Config) { cfg.HTTPClient = &http.Client{Transport: other.transport} }, said{200, "scan", nil})
			url := x.url
			if url == "BASE/docs/1" {
				url = s.url + "/docs/1"
			}
			before := len(seen.requests())
			b, err := c.OpenAttachment(t.Context(), Attachment{URL: url, Access: x.access}, OpenOptions{})
			all := append(s.requests(), seen.requests()[before:]...)
			if x.asked == "" {
				if err == nil || len(all) != 0 || Temporary(err) {
					t.Errorf("OpenAttachment = %v after %d requests", err, len(all))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			mustRead(t, b, "scan")
			if len(all) != 1 || all[0].uri != x.asked || (all[0].header.Get("Authorization") == "Bearer token-1") != x.token || all[0].header.Get("Accept") != "*/*" {
				t.Errorf("asked %+v", all)
			}
		})
	}
}

func TestAnAttachmentMayBeAnything(t *testing.T) {
	t.Attr("shows", "BD-154")
	const page = "<!doctype html><p>Discharge</p>"
	for name, x := range map[string]struct {
		body, want string
		lines      []string
	}{
		"HTML":            {page, page, []string{"Content-Type", "text/html"}},
		"PDF":             {"%PDF-1.7", "%PDF-1.7", []string{"Content-Type", "application/pdf"}},
		"an outcome":      {outcomeOf("x"), outcomeOf("x"), []string{"Content-Type", "application/fhir+json"}},
		"a gzip file":     {zip(t, page), zip(t, page), []string{"Content-Type", "application/gzip"}},
		"gzip on the way": {zip(t, page), page, []string{"Content-Type", "text/html", "Content-Encoding", "gzip"}},
		"both":            {zip(t, zip(t, page)), zip(t, page), []string{"Content-Type", "application/gzip", "Content-Encoding", "gzip"}},
		"nothing":         {"", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := scriptOf(t, nil, said{200, x.body, x.lines})
			b, err := c.OpenAttachment(t.Context(), Attachment{URL: s.url + "/a", Access: TokenRequired}, OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			mustRead(t, b, x.want)
		})
	}
}

func TestAFailingAttachmentIsItsOwnErrorOnly(t *testing.T) {
	t.Attr("shows", "BD-154")
	c, s := scriptOf(t, nil, said{404, outcomeOf("not-found"), nil}, said{503, "", []string{"Retry-After", "3"}}, said{200, "x", []string{"Content-Encoding", "br"}})
	open := func() error {
		_, err := c.OpenAttachment(t.Context(), Attachment{URL: s.url + "/a", Access: TokenRequired, Accept: "application/pdf"}, OpenOptions{})
		return err
	}
	err := open()
	if e, ok := errors.AsType[*StatusError](err); !ok || !e.Gone() || e.Op != OpAttachment || Temporary(err) || e.ExportEnded() {
		t.Errorf("404 = %v", err)
	}
	err = open()
	if e, ok := errors.AsType[*StatusError](err); !ok || !Temporary(err) || e.RetryAfter.Wait != 3*time.Second {
		t.Errorf("503 = %v", err)
	}
	err = open()
	if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Reason != EncodingUnknown || p.Op != OpAttachment {
		t.Errorf("br = %v", err)
	}
	if diff := cmp.Diff([]string{"application/pdf"}, s.requests()[0].header.Values("Accept")); diff != "" {
		t.Error(diff)
	}
}

package bulkdata

import (
	"errors"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCapabilityNamesTheLevels(t *testing.T) {
	t.Attr("shows", "BD-011 BD-012 BS-103")
	const guide = `http://hl7.org/fhir/uv/bulkdata/OperationDefinition/`
	for text, want := range map[string][]Level{
		`{"resourceType":"CapabilityStatement","rest":[{"operation":[{"name":"export","definition":"` + guide + `export|2.0.0"}],"resource":[` +
			`{"type":"Patient","operation":[{"name":"patient-export","definition":"` + guide + `patient-export"}]},` +
			`{"type":"Group","operation":[{"name":"export","definition":"` + guide + `group-export"},{"name":"export","definition":"x"}]}]}]}`: {SystemLevel, PatientLevel, GroupLevel},
		`{"resourceType":"CapabilityStatement","rest":[{"operation":[{"name":"g","definition":"` + guide + `GroupLevelExport"}]}]}`:                                               {GroupLevel},
		`{"resourceType":"CapabilityStatement","rest":[{"resource":[{"type":"Group","operation":[{"name":"$export"}]},{"type":"Patient","operation":[{"name":"everything"}]}]}]}`: {GroupLevel},
		`{"resourceType":"CapabilityStatement"}`: nil,
	} {
		var seen []string
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.URL.Path+r.Header.Get("Authorization"))
			if len(seen) == 1 {
				return reply(401, ""), nil
			}
			return reply(200, text), nil
		}, nil)
		got, err := c.Capability(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Levels); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		if diff := cmp.Diff([]string{"/r4/abcdef/metadata", "/r4/abcdef/metadataBearer token-1"}, seen); diff != "" {
			t.Error(diff)
		}
	}
}

func TestGroupsComeFromAllPages(t *testing.T) {
	pages := map[string]string{
		"/r4/abcdef/Group": `{"resourceType":"Bundle","link":[{"relation":"self","url":"x"},{"relation":"next","url":"Group?page=2"}],"entry":[` +
			`{"resource":{"resourceType":"Group","id":"7","name":"Diabetes","quantity":12,"identifier":[{"system":"s"},{"value":"uuid-1"}],"member":[{"entity":{"display":"CANARY"}}]}},` +
			`{"resource":{"resourceType":"OperationOutcome"}}]}`,
		"/r4/abcdef/Group?page=2": `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Group","id":"8"}}]}`,
	}
	c := clientOf(t, func(r *http.Request) (*http.Response, error) {
		return reply(200, pages[r.URL.RequestURI()]), nil
	}, nil)
	got, err := c.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Group{{ID: "7", Name: "Diabetes", Quantity: new(int64(12)), Identifiers: []string{"uuid-1"}}, {ID: "8"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersThatAreNoResource(t *testing.T) {
	for name, c := range map[string]struct {
		answer *http.Response
		want   string
	}{
		"forbidden":    {reply(403, outcomeOf("forbidden")), "status 403 Forbidden (error/forbidden)"},
		"HTML":         {reply(200, "<html>CANARY"), "not JSON"},
		"broken":       {reply(200, `{"a":`), "not JSON: broken JSON near byte 5"},
		"other":        {reply(200, `{"resourceType":"Patient","id":"CANARY"}`), "not the resource asked for"},
		"wrong type":   {reply(200, `{"resourceType":["CANARY"]}`), "not the resource asked for: wrong type"},
		"accepted":     {reply(202, ""), "the status is none"},
		"foreign page": {reply(200, `{"resourceType":"Bundle","link":[{"relation":"next","url":"https://evil.example/"}]}`), "not allowed"},
	} {
		client := clientOf(t, func(*http.Request) (*http.Response, error) { return c.answer, nil }, nil)
		_, err := client.Groups(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "CANARY") || Temporary(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	endless := clientOf(t, func(*http.Request) (*http.Response, error) {
		return reply(200, `{"resourceType":"Bundle","link":[{"relation":"next","url":"Group"}]}`), nil
	}, nil)
	_, err := endless.Groups(t.Context())
	if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Reason != PagesTooMany {
		t.Errorf("an endless list gives %v", err)
	}
	metadata := clientOf(t, func(*http.Request) (*http.Response, error) { return reply(200, `{"resourceType":"Bundle"}`), nil }, nil)
	if _, err := metadata.Capability(t.Context()); err == nil {
		t.Error("a Bundle is taken for a CapabilityStatement")
	}
}

func TestCookiesAreKeptWhereTheCallerGivesAJar(t *testing.T) {
	t.Attr("shows", "P14")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	c := clientOf(t, func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.Header.Get("Cookie"))
		return reply(202, "", "Content-Location", base+"/s", "Set-Cookie", "affinity=1; Path=/; Secure"), nil
	}, func(cfg *Config) { cfg.HTTPClient.Jar = jar })
	if _, err := c.Kickoff(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context(), base+"/s"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "affinity=1"}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestTemporaryKnowsOnlyItsOwn(t *testing.T) {
	for _, err := range []error{nil, errors.New("x"), &OriginError{}, &ProtocolError{}} {
		if Temporary(err) || MayHaveStarted(err) {
			t.Errorf("%v is weather", err)
		}
	}
}

package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const triggersAt = `
hooks:
  - {name: mirth, secret_file: hook.secret, tenants: ["*"]}
callbacks:
  - {name: mirth, url: https://mirth.example.org/bulkhead, secret_env: MIRTH_SECRET, tenants: [t]}
  - {name: here, url: "http://127.0.0.1:8081/", secret_file: here.secret, all: true}
traces: {endpoint: "http://localhost:4318", headers_file: headers, percent: 25}
tenants:
  - {id: t, open: true, level: system, types: [Patient], fhir_base_url: 'https://ehr.example/fhir', agreement: {reference: r, status: active, effective_from: 2026-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}
  - {id: u, open: true, level: system, types: [Patient], fhir_base_url: 'https://ehr.example/other', agreement: {reference: r, status: active, effective_from: 2026-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}
`

func triggers(t *testing.T) *Config {
	t.Helper()
	c, err := Parse(filepath.Join(t.TempDir(), "bulkhead.yaml"), []byte(triggersAt))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACallBackGoesOnlyWhereTheConfigurationAllows(t *testing.T) {
	t.Parallel()
	c := triggers(t)
	for words, want := range map[string]string{
		"mirth": "https://mirth.example.org/bulkhead", "https://mirth.example.org/bulkhead": "https://mirth.example.org/bulkhead",
		"https://mirth.example.org/bulkhead/a/b": "https://mirth.example.org/bulkhead/a/b", "https://mirth.example.org/bulkhead/": "https://mirth.example.org/bulkhead/",
		"http://127.0.0.1:8081/anything": "http://127.0.0.1:8081/anything", "here": "http://127.0.0.1:8081/",
	} {
		if _, at, ok := c.Callback("t", words); !ok || at != want {
			t.Errorf("%s: %q, %v", words, at, ok)
		}
	}
	for _, words := range []string{
		"", "other", "https://mirth.example.org/", "https://mirth.example.org/bulkheads", "https://mirth.example.org/bulkhead/../admin",
		"https://mirth.example.org/bulkhead/%2e%2e/admin", "https://mirth.example.org/bulkhead//admin", "https://mirth.example.org/bulkhead/a?x=1",
		"https://mirth.example.org/bulkhead/a?", "https://mirth.example.org/bulkhead/a#b", "https://mirth.example.org/bulkhead/a#", "http://mirth.example.org/bulkhead",
		"https://mirth.example.org:8443/bulkhead", "https://mirth.example.org@evil.example/bulkhead", "https://u:p@mirth.example.org/bulkhead",
		"https://MIRTH.example.org.evil.example/bulkhead", "//mirth.example.org/bulkhead", `https://mirth.example.org\bulkhead`, "https://mirth.example.org/bulkhead/.",
		"https://mirth.example.org:443/bulkhead", "http://127.0.0.1:8081/../x",
	} {
		if to, at, ok := c.Callback("t", words); ok {
			t.Errorf("%q is allowed: %s at %s", words, to.Name, at)
		}
	}
	if _, _, ok := c.Callback("u", "mirth"); ok {
		t.Error("a callee is told of a practice of which it may not know")
	}
	if to, ok := c.CalleeOf("here"); !ok || !to.Local() || !to.All {
		t.Errorf("here = %+v, %v", to, ok)
	}
}

func FuzzAnAllowedURLIsBelowItsTarget(f *testing.F) {
	for _, s := range []string{"https://mirth.example.org/bulkhead/a", "https://mirth.example.org/bulkhead/../a", "https://mirth.example.org/bulkhead/%2e./a"} {
		f.Add(s)
	}
	to := Callback{Name: "mirth", URL: "https://mirth.example.org/bulkhead"}
	f.Fuzz(func(t *testing.T, text string) {
		if to.Allows(text) && (!strings.HasPrefix(text, to.URL) || strings.Contains(text, "..") && strings.Contains(text, "/../")) {
			t.Errorf("%q is allowed", text)
		}
	})
}

func TestAHookAsksOnlyForItsPractices(t *testing.T) {
	t.Parallel()
	c := triggers(t)
	if h, ok := c.Hook("mirth"); !ok || !h.May("t") || h.Only() != "" {
		t.Errorf("hook = %+v, %v", h, ok)
	}
	if h := (Hook{Tenants: []string{"t"}}); !h.May("t") || h.May("u") || h.Only() != "t" {
		t.Error("a hook of one practice")
	}
	if _, ok := c.Hook("none"); ok {
		t.Error("a hook that is not there")
	}
}

func TestSecretsOfHooksAreReadFromFilesAndLongEnough(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		file := filepath.Join(dir, "secret")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for text, want := range map[string]string{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n": "\x31\xf2\x90\xf6\xbf\x06\x29\x8a\xab\x4f\x08\xd4\x3c\x3f\x08\x2c\xf6\x48\xa3\x62\xda\x2d\xa4\xb0",
		"  a text of twenty-four bytes or more \n": "a text of twenty-four bytes or more",
	} {
		got, err := Hook{Name: "h", SecretFile: write(text)}.Secret()
		if err != nil || got.Reveal() != want {
			t.Errorf("%q, %v", got.Reveal(), err)
		}
	}
	for _, text := range []string{"", "tiny!", "whsec_not base64 at all!", "whsec_c2hvcnQ="} {
		_, err := Callback{Name: "c", SecretFile: write(text)}.Secret()
		if p := problem.Of(err); err == nil || p.Code != problem.ConfigInvalid || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := (Hook{Name: "h", SecretFile: filepath.Join(dir, "none")}).Secret(); problem.Of(err).Code != problem.ConfigMissing {
		t.Errorf("a file that is not there: %v", err)
	}
	t.Setenv("HOOK", strings.Repeat("k", 32))
	if got, err := (Hook{Name: "h", SecretEnv: "HOOK"}).Secret(); err != nil || len(got.Reveal()) != 32 {
		t.Errorf("by the environment: %v", err)
	}
}

func TestHeadersOfTheCollectorAreReadFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "headers")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Authorization: Bearer abc\n\nX-Scope-OrgID: us\n")
	got, err := Traces{HeadersFile: file}.Headers()
	if diff := cmp.Diff(map[string]string{"Authorization": "Bearer abc", "X-Scope-OrgID": "us"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	write("not a header abc")
	if _, err := (Traces{HeadersFile: file}).Headers(); problem.Of(err).Code != problem.ConfigInvalid || strings.Contains(err.Error(), "abc") {
		t.Errorf("not a header: %v", err)
	}
}

func TestMistakesOfHooksAndCallBacksAreTold(t *testing.T) {
	t.Parallel()
	for old, wrong := range map[string]string{
		"https://mirth.example.org/bulkhead,":  "http://mirth.example.org/bulkhead,", // plain http to elsewhere
		"https://mirth.example.org/bulkhead, ": "https://mirth.example.org/bulkhead?x=1, ",
		"org/bulkhead,":                        "org/a/../bulkhead,",
		"secret_env: MIRTH_SECRET,":            "secret_file: whsec_abc,",
		"secret_env: MIRTH_SECRET":             "secret_env: not-a-name",
		"secret_env: MIRTH_SECRET, tenants":    "tenants",
		"tenants: [t]":                         "tenants: [nobody]",
		`tenants: ["*"]`:                       "tenants: []",
		"name: here":                           "name: mirth",
		"percent: 25":                          "percent: 101",
		"http://localhost:4318":                "http://otel.example.org:4318",
	} {
		text := strings.Replace(triggersAt, old, wrong, 1)
		if text == triggersAt {
			t.Fatalf("%q is not there", old)
		}
		if _, err := Parse("bulkhead.yaml", []byte(text)); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
	if c := triggers(t); bytes.Contains([]byte(c.Parts()[0].Text), []byte("whsec_")) {
		t.Error("a secret is in force by its text")
	}
}

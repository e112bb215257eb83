package smart

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

func TestTheServerDecidesTheSyntaxOfScopes(t *testing.T) {
	t.Attr("shows", "BS-013 BS-070 BS-071 BS-074 BS-075 A8")
	for _, c := range []struct {
		name, members string
		configured    Style
		want          string
	}{
		{"permission-v2", `,"capabilities":["permission-v2"],"scopes_supported":["system/*.read"]`, "", "system/*.rs"},
		{"permission-v1", `,"capabilities":["permission-v1","x"],"scopes_supported":["system/*.rs"]`, "", "system/*.read"},
		{"listed v2", `,"scopes_supported":["openid","system/Patient.rs","system/bulk-submit"]`, "", "system/*.rs"},
		{"listed v1", `,"scopes_supported":["system/Patient.read","system/Patient.write"]`, "", "system/*.read"},
		{"both capabilities", `,"capabilities":["permission-v1","permission-v2"]`, "", "system/*.rs"},
		{"mostly v1", `,"scopes_supported":["system/A.read","system/B.read","system/C.r"]`, "", "system/*.read"},
		{"of others only", `,"scopes_supported":["user/Patient.rs","launch"]`, "", "system/*.read"},
		{"nothing", "", "", "system/*.read"},
		{"configuration wins", `,"capabilities":["permission-v2"]`, ScopesV1, "system/*.read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := ""
			server := &scripted{document: document(c.members), endpoints: map[string]func(*http.Request) *http.Response{
				"https://auth.example/token": func(r *http.Request) *http.Response {
					if err := r.ParseForm(); err != nil {
						t.Error(err)
					}
					asked = r.PostForm.Get("scope")
					return good(r)
				},
			}}
			s := discovering(t, server, func(cfg *Config) {
				cfg.Scopes, cfg.Style = nil, c.configured
				cfg.Spell = func(style Style) []string { return ExportScopes(style, Access{}) }
			})
			if s.Scopes() != nil {
				t.Errorf("scopes before discovery = %v", s.Scopes())
			}
			if _, err := s.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			if asked != c.want || !slices.Equal(s.Scopes(), []string{c.want}) {
				t.Errorf("asked for %q, Scopes() = %v, want %q", asked, s.Scopes(), c.want)
			}
		})
	}
}

func TestAnExportAsksForWhatItNeeds(t *testing.T) {
	t.Attr("shows", "BS-068 BS-070 BS-071 BS-075 BS-076 BS-078 BS-084")
	for _, c := range []struct {
		style  Style
		access Access
		want   string
	}{
		{ScopesV2, Access{Types: []string{"Patient", "Observation"}}, "system/Patient.rs system/Observation.rs"},
		{ScopesV1, Access{Types: []string{"Patient", "Observation"}}, "system/Patient.read system/Observation.read"},
		{"", Access{Types: []string{"Patient"}}, "system/Patient.read"},
		{ScopesV2, Access{}, "system/*.rs"},
		{ScopesV1, Access{}, "system/*.read"},
		{ScopesV2, Access{Types: []string{"Patient"}, Group: true}, "system/Patient.rs system/Group.rs"},
		{ScopesV1, Access{Types: []string{"Patient"}, Group: true}, "system/Patient.read system/Group.read"},
		{ScopesV2, Access{Types: []string{"Group", "Patient", "Patient"}, Group: true}, "system/Group.rs system/Patient.rs"},
		{ScopesV2, Access{Group: true}, "system/*.rs"},
	} {
		got := ExportScopes(c.style, c.access)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %+v: %v, want %s", c.style, c.access, got, c.want)
		}
		for _, text := range got {
			if scope, err := ParseScope(text); err != nil || scope.Context != "system" || strings.ContainsAny(scope.Letters, "cud") {
				t.Errorf("scope %s: %+v, %v", text, scope, err)
			}
		}
	}
}

func TestScopesAreFactored(t *testing.T) {
	t.Attr("shows", "BS-084")
	for asked, want := range map[string]string{
		"":                                    "",
		"system/Patient.rs system/Patient.rs": "system/Patient.rs",
		"system/Patient.r system/*.rs":        "system/*.rs",
		"system/Patient.r system/Patient.s":   "system/Patient.rs",
		"system/Patient.s system/X.rs system/Patient.r":                "system/Patient.rs system/X.rs",
		"system/Patient.read system/Patient.rs":                        "system/Patient.read",
		"system/Patient.read system/Patient.*":                         "system/Patient.*",
		"system/Observation.rs?a=b system/Observation.rs":              "system/Observation.rs",
		"system/Observation.r?a=b system/Observation.s?a=b":            "system/Observation.rs?a=b",
		"system/Observation.rs?a=b system/Observation.rs?a=c":          "system/Observation.rs?a=b system/Observation.rs?a=c",
		"user/Patient.rs system/*.rs system/bulk-submit launch launch": "user/Patient.rs system/*.rs system/bulk-submit launch",
	} {
		got := FactorScopes(strings.Fields(asked))
		if strings.Join(got, " ") != want {
			t.Errorf("%q = %v, want %q", asked, got, want)
		}
		if lost := Missing(strings.Fields(asked), got); len(lost) > 0 {
			t.Errorf("%q lost %v", asked, lost)
		}
	}
}

func TestScopesOfEveryFormReachTheServerUnchanged(t *testing.T) {
	t.Attr("shows", "BS-069 BS-079 BS-082 BS-083 BS-012")
	scopes := []string{
		"system/*.rs", "system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory&x=*",
		"system/bulk-submit", "user/Patient.rs", "offline_access", "system/Condition.rs?code:in=https://v.example/vs%20x",
	}
	var asked string
	s := newSource(t, func(r *http.Request) (*http.Response, error) {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		asked = r.PostForm.Get("scope")
		return reply(200, nil, goodToken), nil
	}, func(c *Config) { c.Scopes, c.OtherScopes = scopes, true })
	if _, err := s.Token(t.Context()); err != nil || asked != strings.Join(scopes, " ") {
		t.Errorf("asked for %q, %v", asked, err)
	}
	for _, text := range scopes[:3] {
		if !Covers([]string{text}, text) {
			t.Errorf("%s does not cover itself", text)
		}
	}
	cfg := Config{ClientID: "c", Key: testKeys()[ES384], TokenURL: "https://auth.example/token", Scopes: scopes}
	if _, err := NewTokenSource(cfg); err == nil {
		t.Error("user scopes were accepted without a word")
	}
}

func granted(scope string) *oauth2.Token {
	return (&oauth2.Token{AccessToken: "x"}).WithExtra(map[string]any{"scope": scope})
}

func TestAGrantIsComparedWithWhatWasAsked(t *testing.T) {
	t.Attr("shows", "BS-073 BS-080 BS-081 BS-089 A3")
	for name, c := range map[string]struct {
		asked, granted string
		missing        string
		covers         string // of Patient, Observation and Condition
		warning        string // empty for none
	}{
		"all":            {"system/Patient.rs system/Observation.rs", "system/Observation.rs system/Patient.rs", "", "Patient Observation", ""},
		"narrower":       {"system/Patient.rs system/Observation.rs", "system/Patient.rs", "system/Observation.rs", "Patient", "not granted: system/Observation.rs"},
		"nothing":        {"system/Patient.rs", "", "system/Patient.rs", "", "no scope at all"},
		"broader":        {"system/Patient.rs", "system/*.cruds", "", "Patient Observation Condition", "not asked for: system/*.cruds"},
		"other":          {"system/Patient.rs", "system/Condition.rs", "system/Patient.rs", "Condition", "not granted: system/Patient.rs"},
		"v1 for v2":      {"system/Patient.rs", "system/Patient.read", "", "Patient", ""},
		"split":          {"system/Patient.rs", "system/Patient.r system/Patient.s", "", "Patient", ""},
		"half":           {"system/Patient.rs", "system/Patient.r", "system/Patient.rs", "", "not granted"},
		"a list for *":   {"system/*.rs", "system/Patient.rs system/Condition.rs", "", "Patient Condition", "for a list of types only: system/*.rs"},
		"a useless list": {"system/*.rs", "system/Patient.cud", "system/*.rs", "", "not granted: system/*.rs"},
		"* for types":    {"system/Patient.read system/Condition.read", "system/*.read", "", "Patient Observation Condition", "not asked for"},
		"constrained":    {"system/Observation.rs", "system/Observation.rs?category=lab", "system/Observation.rs", "", "not granted"},
	} {
		t.Run(name, func(t *testing.T) {
			g := ReviewGrant(granted(c.granted), strings.Fields(c.asked))
			if strings.Join(g.Missing, " ") != c.missing || !g.Stated {
				t.Errorf("missing %v, want %q", g.Missing, c.missing)
			}
			for _, typ := range []string{"Patient", "Observation", "Condition"} {
				if got := g.Covers(typ); got != slices.Contains(strings.Fields(c.covers), typ) {
					t.Errorf("covers %s: %v", typ, got)
				}
			}
			warnings := strings.Join(g.Warnings(), "; ")
			if !strings.Contains(warnings, c.warning) || c.warning == "" && warnings != "" {
				t.Errorf("warnings %q, want %q", warnings, c.warning)
			}
		})
	}
	words := ReviewGrant(granted("system/Patient.rs CANARY system/Goal.rs?name=CANARY launch"), []string{"system/Patient.rs"})
	if said := strings.Join(words.Warnings(), "; "); words.Others != 3 || said != "granted though not asked for: 3 scopes of another form" {
		t.Errorf("a server's own words are said: %q", said)
	}
	silent := ReviewGrant(&oauth2.Token{AccessToken: "x"}, []string{"system/Patient.rs"})
	if silent.Stated || silent.Missing != nil || !silent.Covers("Patient") || len(silent.Warnings()) != 1 || !strings.Contains(silent.Warnings()[0], "does not say") {
		t.Errorf("without scope: %+v, %v", silent, silent.Warnings())
	}
}

func FuzzScope(f *testing.F) {
	for _, seed := range []string{"system/*.read", "system/Patient.rs", "system/Observation.rs?category=x|y&z", "system/bulk-submit", "launch", "system/Patient.sr"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scope, err := ParseScope(text)
		if err != nil {
			return
		}
		if again, err := ParseScope(scope.v2()); err != nil || again != scope {
			t.Errorf("%q is %+v, and then %+v, %v", text, scope, again, err)
		}
		if kept := FactorScopes([]string{text, text}); len(kept) != 1 || len(Missing([]string{text}, kept)) > 0 {
			t.Errorf("%q factored is %q", text, kept)
		}
	})
}

package config

import (
	"net/url"
	"testing"
)

func TestFilesStandWhereTheProfileSays(t *testing.T) {
	c := &Config{profiles: map[string]*Profile{"azure": {FileOrigins: []string{"https://*.blob.example"}}, "standard": {}}}
	for profile, cases := range map[string]map[string]bool{
		"azure": {
			"https://x.blob.example/c/f.ndjson?sig=1": true, "https://ehr.example/f": true, "https://cdn.example/f": true, "https://CDN.example/f": true,
			"https://blob.example.evil.example/f": false, "http://x.blob.example/f": false, "https://x.blob.example.evil/f": false, "::": false,
		},
		"standard": {"https://anywhere.example/f": true},
	} {
		p := &Tenant{Profile: profile, FHIRBaseURL: "https://EHR.example/fhir", AllowedOrigins: []string{"https://cdn.example"}}
		for file, want := range cases {
			if got := c.FileAllowed(p, file); got != want {
				t.Errorf("%s: FileAllowed(%q) = %v", profile, file, got)
			}
		}
	}
}

func TestRedirectsOfFilesAreFollowedAsTheProfileSays(t *testing.T) {
	t.Parallel()
	const near, far = "https://ehr.example/g", "https://store.example/g?sig=1"
	for _, tt := range []struct {
		rule, to string
		origins  []string
		want     bool
	}{
		{"", far, nil, true},
		{Follow, far, nil, true},
		{Follow, far, []string{"https://*.elsewhere.example"}, false},
		{Follow, far, []string{"https://store.example"}, true},
		{SameOrigin, near, nil, true},
		{SameOrigin, far, nil, false},
		{Refuse, near, nil, false},
	} {
		c := &Config{profiles: map[string]*Profile{"p": {RedirectFiles: tt.rule, FileOrigins: tt.origins}}}
		from, err := url.Parse("https://ehr.example/f")
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(tt.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.FollowsRedirect(&Tenant{Profile: "p", FHIRBaseURL: "https://ehr.example/fhir"}, from, to); got != tt.want {
			t.Errorf("%q to %s with %v: %v", tt.rule, tt.to, tt.origins, got)
		}
	}
}

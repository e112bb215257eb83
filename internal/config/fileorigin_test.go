package config

import "testing"

func TestFilesStandWhereTheProfileSays(t *testing.T) {
	c := &Config{profiles: map[string]*Profile{"azure": {FileOrigins: []string{"https://*.blob.example"}}, "standard": {}}}
	for profile, cases := range map[string]map[string]bool{
		"azure": {
			"https://x.blob.example/c/f.ndjson?sig=1": true, "https://ehr.example/f": true, "https://cdn.example/f": true,
			"https://blob.example.evil.example/f": false, "http://x.blob.example/f": false, "https://x.blob.example.evil/f": false, "::": false,
		},
		"standard": {"https://anywhere.example/f": true},
	} {
		p := &Tenant{Profile: profile, FHIRBaseURL: "https://ehr.example/fhir", AllowedOrigins: []string{"https://cdn.example"}}
		for file, want := range cases {
			if got := c.FileAllowed(p, file); got != want {
				t.Errorf("%s: FileAllowed(%q) = %v", profile, file, got)
			}
		}
	}
}

package cli

import "testing"

func TestWhatBecameOfDocumentsIsSaidInOneLine(t *testing.T) {
	r := attachmentReport{
		Tenant: "lakeside", Documents: 1311, InStorage: 1204, Bytes: 96_200_000,
		Outcomes: map[string]int64{"not_found": 12, "stored": 1180, "inline": 24, "type_not_allowed": 95},
	}
	want := "documents of lakeside: 1,204 of 1,311 in storage, 96.2 MB (1,180 stored, 24 inline, 95 type_not_allowed, 12 not_found)"
	if got := r.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

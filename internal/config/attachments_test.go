package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const withAttachments = `
tenants:
  - id: lakeside
    open: true
    fhir_base_url: https://lakeside.example/fhir
    group: g1
    attachments: {ATTACHMENTS}
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: [Patient], groups: [g1], sinks: ["*"], attachments: true}
`

func attachmentsOf(t *testing.T, text string) (Attachments, error) {
	t.Helper()
	c, err := Parse(filepath.Join(t.TempDir(), "bulkhead.yaml"), []byte(strings.Replace(withAttachments, "ATTACHMENTS", text, 1)))
	if err != nil {
		return Attachments{}, err
	}
	return c.Tenants[0].Attachments, nil
}

func TestAttachmentsAreOffAndBoundedUnlessTheConfigurationSaysOtherwise(t *testing.T) {
	t.Parallel()
	got, err := attachmentsOf(t, "")
	if err != nil {
		t.Fatal(err)
	}
	want := Attachments{
		ContentTypes: []string{"application/pdf", "text/*"}, MaxBytes: 20 << 20, BudgetBytes: 10 << 30, BudgetRequests: 10_000,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = attachmentsOf(t, "fetch: true, content_types: [Application/PDF, image/*], max_bytes: 500kB, budget_bytes: 2GiB, budget_requests: 7")
	if err != nil {
		t.Fatal(err)
	}
	want = Attachments{
		Fetch: true, ContentTypes: []string{"application/pdf", "image/*"}, MaxBytes: 500_000, BudgetBytes: 2 << 30, BudgetRequests: 7,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesAboutAttachmentsAreTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"content_types: [pdf]":            "must be a media type",
		"content_types: ['*/pdf']":        "must be a media type",
		"content_types: ['text/html, *']": "must be a media type",
		"max_bytes: 0":                    "must be a size",
		"max_bytes: -5MiB":                "must be a size",
		"max_bytes: lots":                 "must be a size",
		"budget_bytes: 9999999999GiB":     "must be a size",
		"budget_requests: -1":             "must not be negative",
		"budget: 3":                       "is not a field here",
	} {
		if _, err := attachmentsOf(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestASizeIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{"20MiB": 20 << 20, "3 GB": 3e9, "17": 17, "5B": 5, "1KB": 1000, "1KiB": 1024} {
		var got, again Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s = %d, %v, want %d", text, got, err, want)
		}
		written, err := got.MarshalText()
		if err != nil || again.UnmarshalText(written) != nil || again != want {
			t.Errorf("%s was written as %s", text, written)
		}
	}
}

package atrest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestVeiledWordsAreComparedAndComeBack(t *testing.T) {
	p := newPlace(t)
	k, words := p.keys(), []string{"patient-1", "patient-2", "", "patient-1", strings.Repeat("x", 64)}
	veiled, err := k.Veil(t.Context(), "north", words)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := p.keys().Veil(t.Context(), "north", words) // another process
	if err != nil || !slices.Equal(veiled, beside) || veiled[0] != veiled[3] || veiled[0] == veiled[1] {
		t.Errorf("veiled as %q, and again as %q, %v", veiled, beside, err)
	}
	south, err := k.Veil(t.Context(), "south", words)
	if err != nil || south[0] == veiled[0] {
		t.Errorf("of another practice: %q, %v", south, err)
	}
	head, err := k.VeilHead(t.Context(), "north")
	for i, word := range veiled {
		if !Veiled(word) || Veiled(words[i]) || strings.Contains(word, "patient") || !strings.HasPrefix(word, head) || err != nil {
			t.Errorf("%q is veiled as %q, which begins with %q, %v", words[i], word, head, err)
		}
	}
	mixed := append(slices.Clone(veiled), "patient-3", "~short")
	if got, err := k.Unveil(t.Context(), "north", mixed); err != nil || !slices.Equal(got, append(slices.Clone(words), "patient-3", "~short")) {
		t.Errorf("unveiled: %q, %v", got, err)
	}
	if got, err := (*Keys)(nil).Unveil(t.Context(), "north", words); err != nil || !slices.Equal(got, words) {
		t.Errorf("without keys: %q, %v", got, err)
	}
	_, err = (*Keys)(nil).Unveil(t.Context(), "north", veiled)
	wantCode(t, err, problem.EncryptionOff)
}

func TestVeiledWordsOutliveARotationAndNoShred(t *testing.T) {
	p := newPlace(t)
	k, words := p.keys(), []string{"patient-1"}
	before, err := k.Veil(t.Context(), "north", words)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Rotate(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	after, err := k.Veil(t.Context(), "north", words)
	if err != nil || after[0] == before[0] {
		t.Errorf("by the new key: %q, %v", after, err)
	}
	if got, err := k.Unveil(t.Context(), "north", []string{before[0], after[0]}); err != nil || cmp.Diff([]string{words[0], words[0]}, got) != "" {
		t.Errorf("unveiled: %q, %v", got, err)
	}
	if err := k.Shred(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	_, err = k.Unveil(t.Context(), "north", after)
	wantCode(t, err, problem.PracticeKeyDestroyed)
	_, err = k.Veil(t.Context(), "north", words)
	wantCode(t, err, problem.PracticeKeyDestroyed)
	if err := k.Rotate(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	_, err = k.Unveil(t.Context(), "north", after)
	wantCode(t, err, problem.PracticeKeyMissing)
}

func TestWordsThatWereChangedOrMovedDoNotComeBack(t *testing.T) {
	t.Attr("fault", "hostile: somebody changes ids in the ledger, or moves them to another practice -> storage_damaged or practice_key_missing; no other id comes of it")
	k := newPlace(t).keys()
	veiled, err := k.Veil(t.Context(), "north", []string{"patient-1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Veil(t.Context(), "south", nil); err != nil {
		t.Fatal(err)
	}
	last := veiled[0][:len(veiled[0])-2] + "AA"
	for word, code := range map[string]problem.Code{
		last: problem.StorageDamaged, veiled[0][:veilHead+4]: problem.StorageDamaged, veiled[0] + "!": problem.StorageDamaged,
		"~xxxxxxxx~AAAA": problem.StorageDamaged, "~00000000~AAAA": problem.PracticeKeyMissing,
	} {
		_, err := k.Unveil(t.Context(), "north", []string{word})
		wantCode(t, err, code)
	}
	_, err = k.Unveil(t.Context(), "south", veiled)
	wantCode(t, err, problem.PracticeKeyMissing)
}

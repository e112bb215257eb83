package generic

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// Wanting all of a text is the plain form: what is wanted less of must give
// the same.
func FuzzNarrowPlacesGiveWhatTheWholeTextGives(f *testing.F) {
	for _, name := range []string{"testdata/bundle.json", "testdata/care_team.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"resourceType":"Encounter","class":{"code":"x","extension":[{"valueReference":{"reference":"#"}}]},"subject":[{"reference":"a\u002fb"}]}`))
	elements := NewElements()
	type sides struct{ narrow, whole *pass }
	byType := make(map[string]sides)
	for _, name := range []string{"Bundle", "CareTeam", "Encounter"} {
		narrow, whole := newPass(name, "https://ehr.example/fhir"), &pass{shape: tape.NewShape()}
		whole.shape.Root().All()
		whole.reader = elements.Want(name, whole.shape).NewReader("https://ehr.example/fhir")
		byType[name] = sides{narrow, whole}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, s := range byType {
			if err := s.narrow.tape.Parse(text, s.narrow.shape); err != nil {
				return
			}
			if err := s.whole.tape.Parse(text, s.whole.shape); err != nil {
				t.Fatal(err)
			}
			want := shown(s.whole.reader.Read(&s.whole.tape))
			if diff := cmp.Diff(want, shown(s.narrow.reader.Read(&s.narrow.tape))); diff != "" {
				t.Errorf("as %s (-whole +narrow):\n%s", name, diff)
			}
		}
	})
}

package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each testdata/mistakes/*.yaml is a wrong configuration; the .txt beside it
// is what the operator reads.
func TestEachMistakeIsToldWithItsLineAndWithoutSecrets(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "mistakes", "*.yaml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("wrong configurations = %d, %v; want at least 20", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse("bulkhead.yaml", text)
			mistakesOf(t, err)
			got := err.Error() + "\n"
			if strings.Contains(got, "canary") {
				t.Errorf("the text shows a secret:\n%s", got)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDurationsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		text string
		want time.Duration
	}{{"90s", 90 * time.Second}, {"36h", 36 * time.Hour}, {"30d", 30 * day}, {"2w", 14 * day}, {"1d12h", 36 * time.Hour}, {"0s", 0}} {
		var d Duration
		if err := d.UnmarshalText([]byte(tt.text)); err != nil || d.Std() != tt.want {
			t.Errorf("%s = %v, %v; want %v", tt.text, d, err, tt.want)
		}
	}
	for _, text := range []string{"", "30", "-1h", "d", "1h2d", "99999d", "1.5d", "forever", "-2d"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, d)
		}
	}
}

func FuzzNoTextBreaksTheReaderOrIsToldWithoutAPlace(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("tenants: &a [*a]\n"))
	f.Add([]byte("limits: {<<: {exports: 1}}\nviews: !!str x\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &reader{}
		c := &Config{}
		src := r.read("f.yaml", text, c)
		for _, m := range r.mistakes {
			if m.File != src.name || m.Text == "" {
				t.Errorf("mistake without a place or a text: %+v", m)
			}
		}
	})
}

func TestAFieldThatIsNearlyOneIsNamed(t *testing.T) {
	t.Parallel()
	names := []string{"agreement", "fhir_base_url", "group", "id", "schedule", "sinks", "types"}
	for word, want := range map[string]string{
		"schedul": "schedule is meant?", "fhir_base_ur": "fhir_base_url is meant?", "agrement": "agreement is meant?", "sink": "sinks is meant?",
		"idd": "id is meant?", "type": "types is meant?", "password": "there are " + strings.Join(names, ", "), "": "there are " + strings.Join(names, ", "),
	} {
		if got := meant(word, names); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}

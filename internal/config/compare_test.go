package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const twoPractices = `
registrations:
  vendor: {profile: ecw, client_id: abc, key_env: VENDOR_KEY}
sinks:
  lake: {kind: parquet, folder: /lake}
tenants:
  - id: elm
    registration: vendor
    fhir_base_url: https://ehr.example.org/fhir/r4/ELM
    group: "42"
    schedule: "30 2 * * *"
    full_every: 30d
    contacts: [{who: us, email: desk@us.example}]
    agreement: {reference: BAA-1, status: active, effective_from: 2026-01-01, types: [Patient, Condition], groups: ["42"], sinks: [lake], purposes: {quality: }}
  - id: fir
    open: true
    fhir_base_url: https://fir.example.org/fhir
    level: system
    types: [Patient]
    agreement: {reference: BAA-2, status: active, effective_from: 2026-01-01, types: ["*"], groups: ["*"], sinks: ["*"]}
`

func changedFrom(t *testing.T, oldnew ...string) *Config {
	t.Helper()
	text := strings.NewReplacer(oldnew...).Replace(twoPractices)
	if len(oldnew) > 0 && text == twoPractices {
		t.Fatalf("%q changes nothing", oldnew)
	}
	c, err := Parse("/etc/bulkhead/bulkhead.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheSameConfigurationDoesNotDiffer(t *testing.T) {
	t.Parallel()
	a, b := changedFrom(t), changedFrom(t, "30d", "720h", `group: "42"`, "group: 42")
	if d := Compare(a, b); !d.Empty() {
		t.Errorf("differs: %+v", d)
	}
	if Digest(a.Parts()) != Digest(b.Parts()) {
		t.Error("the digests differ")
	}
}

func TestWhatDiffersIsToldFieldByFieldAndAgreementsFirst(t *testing.T) {
	t.Parallel()
	next := changedFrom(t,
		`"30 2 * * *"`, `"0 4 * * *"`, "types: [Patient, Condition]", "types: [Condition, Binary]", "{quality: }", "{research: clause 3}",
		"contacts: [{who: us, email: desk@us.example}]", "", "key_env: VENDOR_KEY", "key_file: k.pem")
	want := Diff{Changes: []Change{{Kind: Changed, Fields: []FieldChange{
		{Field: "registrations.vendor.key_file", New: `"/etc/bulkhead/k.pem"`},
		{Field: "registrations.vendor.key_env", Old: `"VENDOR_KEY"`},
	}}, {Tenant: "elm", Kind: Changed, Fields: []FieldChange{
		{Field: "agreement.purposes.research", New: `"clause 3"`},
		{Field: "agreement.types", Old: `["Patient","Condition"]`, New: `["Condition","Binary"]`},
		{Field: "agreement.purposes.quality", Old: `""`},
		{Field: "types", Old: `["Patient","Condition"]`, New: `["Condition","Binary"]`},
		{Field: "schedule", Old: `"30 2 * * *"`, New: `"0 4 * * *"`},
		{Field: "purposes", Old: `["quality"]`, New: `["research"]`},
		{Field: "contacts[0].who", Old: `"us"`},
		{Field: "contacts[0].email", Old: `"desk@us.example"`},
	}}}}
	got := Compare(changedFrom(t), next)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("diff (-want +got):\n%s", diff)
	}
	if !got.Changes[1].Permits() || got.Changes[0].Permits() {
		t.Error("elm's change touches its agreement, that of all does not")
	}
	added, removed, ok := got.Changes[1].Fields[1].Items()
	if !ok || len(added) != 1 || added[0] != "Binary" || len(removed) != 1 || removed[0] != "Patient" {
		t.Errorf("items: +%v -%v %v", added, removed, ok)
	}
	if _, _, ok := got.Changes[1].Fields[4].Items(); ok {
		t.Error("a schedule is a list")
	}
}

func TestPracticesComeAndGoAndComeBack(t *testing.T) {
	t.Parallel()
	both := changedFrom(t).Parts()
	one := both[:2] // without fir
	kinds := func(d Diff) string {
		var b strings.Builder
		for _, c := range d.Changes {
			fmt.Fprintf(&b, "%s %s %d;", c.Kind, c.Tenant, len(c.Fields))
		}
		return b.String()
	}
	if got := kinds(CompareParts(both, one)); got != "removed fir 0;" {
		t.Errorf("without fir: %s", got)
	}
	d := CompareParts(one, both)
	if len(d.Changes) != 1 || d.Changes[0].Kind != Added || d.Count(Added) != 1 || len(d.Changes[0].Fields) < 10 {
		t.Errorf("with fir: %+v", d)
	}
	frozen := append([]Part{}, both...)
	frozen[2].Frozen = true
	if got := kinds(CompareParts(frozen, both)); got != "thawed fir 0;" {
		t.Errorf("fir is back: %s", got)
	}
	if got := kinds(CompareParts(frozen, one)); got != "" {
		t.Errorf("fir is frozen still: %s", got)
	}
}

func TestWhatNeedsAStartIsSaidAndKept(t *testing.T) {
	t.Parallel()
	running := changedFrom(t)
	next := changedFrom(t, "registrations:", "folder: /elsewhere\nviews: [v]\nlimits: {exports: 2, requests_per_minute: 7}\nregistrations:")
	d := Compare(running, next)
	if diff := cmp.Diff([]string{"folder", "limits.exports", "views"}, d.Restart()); diff != "" {
		t.Errorf("needs a start (-want +got):\n%s", diff)
	}
	d = Compare(running, next.Following(running))
	want := Diff{Changes: []Change{{Kind: Changed, Fields: []FieldChange{{Field: "limits.requests_per_minute", New: "7"}}}}}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("taken up (-want +got):\n%s", diff)
	}
}

func TestEveryFieldIsInTheTextOfItsPart(t *testing.T) {
	t.Parallel()
	c := changedFrom(t)
	text := c.Parts()[1].Text
	for _, line := range []string{
		`id: "elm"`, `full_every: "30d"`, `agreement.effective_from: "2026-01-01T00:00:00Z"`, `agreement.purposes.quality: ""`,
		`attachments.max_bytes: "20MiB"`, `contacts[0].email: "desk@us.example"`, `agreement.notice: "30d"`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	shared := c.Parts()[0].Text
	for _, line := range []string{`limits.exports: 8`, `registrations.vendor.profile: "ecw"`, `sinks.lake.kind: "parquet"`} {
		if !strings.Contains(shared, line+"\n") {
			t.Errorf("no line %s in\n%s", line, shared)
		}
	}
	if strings.Contains(shared, "ingest_workers") || strings.Contains(shared, "profiles") || strings.Contains(shared, "facts") {
		t.Errorf("what depends on the machine, or is not used, is in\n%s", shared)
	}
}

func TestAVendorProfileOfOnesOwnIsPartOfTheConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mercy.yaml", "name: mercy\nextends: epic\npoll: {default: 20m}\nfacts: [{about: poll, says: slow, trust: guess}]\n")
	if err := os.Mkdir(filepath.Join(dir, "conf"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("conf/bulkhead.yaml", "profiles: ..\nfolder: s\n")
	load := func() *Config {
		c, err := Load(filepath.Join(dir, "conf", "bulkhead.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := load()
	write("mercy.yaml", "name: mercy\nextends: epic\npoll: {default: 15m}\n")
	want := Diff{Changes: []Change{{Kind: Changed, Fields: []FieldChange{{Field: "profiles.mercy.poll.default", Old: `"20m"`, New: `"15m"`}}}}}
	if diff := cmp.Diff(want, Compare(before, load())); diff != "" {
		t.Errorf("diff (-want +got):\n%s", diff)
	}
}

func TestMistakesOfManyFilesStandInTheOrderOfTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"bulkhead.yaml": "include: t-*.yaml\nfoldr: x\n", "t-a.yaml": "id: A\n", "t-b.yaml": "idd: b\n", "t-c.yaml": "id: c\nlevel: all\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(filepath.Join(dir, "bulkhead.yaml"))
	var files []string
	for _, m := range mistakesOf(t, err) {
		files = append(files, filepath.Base(m.File))
	}
	if diff := cmp.Diff([]string{"bulkhead.yaml", "t-a.yaml", "t-b.yaml", "t-c.yaml"}, slices.Compact(files)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestASharedChangeTouchesThosePracticesWhoseOwnItIs(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		change []string
		want   string
	}{
		"a registration": {[]string{"client_id: abc", "client_id: def"}, "elm"},
		"a sink":         {[]string{"folder: /lake}", "folder: /lake, region: us}"}, "elm fir"},
		"a limit":        {[]string{"registrations:", "limits: {requests_per_minute: 7}\nregistrations:"}, ""},
		"an alert":       {[]string{"registrations:", "alerts: {stale_after: 9d}\nregistrations:"}, ""},
	} {
		next, touched := changedFrom(t, c.change...), []string{}
		d := Compare(changedFrom(t), next)
		if len(d.Changes) != 1 || d.Changes[0].Tenant != "" {
			t.Fatalf("%s: %+v", what, d)
		}
		for i := range next.Tenants {
			if d.Changes[0].Touches(next, &next.Tenants[i]) {
				touched = append(touched, next.Tenants[i].ID)
			}
		}
		if got := strings.Join(touched, " "); got != c.want {
			t.Errorf("%s touches %q, want %q", what, got, c.want)
		}
	}
}

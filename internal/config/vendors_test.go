package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const vendorsHead = `# Vendors

How each EHR differs from the standard, and how well that is known. A registration, or an open tenant, names a profile by its name; what a
setting means stands in [configuration.md](configuration.md#vendor-profiles). Of the settings only those are listed in which a profile
departs from ` + "`standard`" + `.

A fact is **documented** (by the vendor, by the server's source code or by a live server), **reported** (by somebody who has used it) or a
**guess** of ours. Facts change nothing; settings do. If you know better, a file in the folder that ` + "`profiles`" + ` names corrects a profile
without code:

` + "```yaml" + `
# profiles/epic-mercy.yaml: this hospital wants longer pauses, and its Epic takes _since.
name: epic-mercy
extends: epic
parameters: [_type, _typeFilter, _since]
poll: {default: 30m}
` + "```" + `

This page is printed from the profiles: ` + "`make docs`" + `.
`

func TestTheVendorsPageIsPrintedFromTheProfiles(t *testing.T) {
	t.Parallel()
	all := Profiles()
	var b strings.Builder
	b.WriteString(vendorsHead + "\n| profile | vendor | release | levels |\n|---|---|---|---|\n")
	order := profileOrder(all)
	for _, p := range order {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", p.Name, p.Name, p.Title, p.Dialect, strings.Join(p.Levels, ", "))
	}
	for _, p := range order {
		writeVendor(&b, p, all["standard"])
	}
	golden(t, "docs/vendors.md is not what the profiles say", filepath.Join("..", "..", "docs", "vendors.md"), b.String())
}

// golden compares a page with a file, which -update rewrites.
func golden(t *testing.T, complaint, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s; run make docs (-page +source):\n%s", complaint, diff)
	}
}

// profileOrder has the standard ones first.
func profileOrder(all map[string]*Profile) []*Profile {
	var order []*Profile
	for _, p := range all {
		order = append(order, p)
	}
	rank := func(p *Profile) int {
		if strings.HasPrefix(p.Name, "standard") {
			return 0
		}
		return 1
	}
	slices.SortFunc(order, func(a, b *Profile) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	return order
}

func writeVendor(b *strings.Builder, p, standard *Profile) {
	fmt.Fprintf(b, "\n## %s\n\n%s.\n\n| setting | value |\n|---|---|\n", p.Name, p.Title)
	base := standard
	if p == standard {
		base = &Profile{}
	}
	for _, d := range departures(p, base) {
		fmt.Fprintf(b, "| `%s` | %s |\n", d.setting, cell(d.value))
	}
	b.WriteString("\n| about | fact | trust | source |\n|---|---|---|---|\n")
	var codes []string
	for _, f := range p.Facts {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.About, cell(f.Says), f.Trust, or(f.Source, "–"))
		codes = append(codes, strings.Fields(f.Source)...)
	}
	slices.Sort(codes)
	b.WriteString("\nSources:\n\n")
	for _, code := range slices.Compact(codes) {
		fmt.Fprintf(b, "- %s: %s\n", code, p.Sources[code])
	}
}

func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "&", "&amp;", "<", "&lt;", "*/*", `\*/\*`).Replace(s)
}

type departure struct{ setting, value string }

// departures are the settings of p that are not those of base, in the order
// of the fields.
func departures(p, base *Profile) []departure {
	var list []departure
	a, b := reflect.ValueOf(p).Elem(), reflect.ValueOf(base).Elem()
	var walk func(prefix string, a, b reflect.Value)
	walk = func(prefix string, a, b reflect.Value) {
		for i := range a.NumField() {
			name := prefix + a.Type().Field(i).Tag.Get("yaml")
			x, y := a.Field(i), b.Field(i)
			switch {
			case slices.Contains([]string{"name", "extends", "title", "recognised_by", "facts", "sources"}, name):
			case name == "poll" || name == "scope":
				walk(name+".", x, y)
			case !reflect.DeepEqual(x.Interface(), y.Interface()) && (x.Kind() != reflect.Slice || x.Len()+y.Len() > 0):
				list = append(list, departure{name, shown(x.Interface())})
			}
		}
	}
	walk("", a, b)
	return list
}

func shown(v any) string {
	switch v := v.(type) {
	case Duration:
		return people(v)
	case Moment:
		return v.Format("2006-01-02")
	case map[string]string:
		var list []string
		for key, value := range v {
			list = append(list, key+": "+value)
		}
		slices.Sort(list)
		return strings.Join(list, ", ")
	case []string:
		return strings.Join(v, ", ")
	}
	text := fmt.Sprint(v)
	if list, ok := strings.CutPrefix(text, "["); ok {
		return strings.Join(strings.Fields(strings.TrimSuffix(list, "]")), ", ")
	}
	return text
}

// people writes a duration as one would into a profile.
func people(d Duration) string {
	if hours := d.Std().Hours(); hours >= 48 && hours == float64(int(hours/24)*24) {
		return fmt.Sprintf("%dd", int(hours/24))
	}
	text := strings.Replace(d.String(), "m0s", "m", 1)
	return strings.Replace(text, "h0m", "h", 1)
}

// A setting without a fact is a claim that nobody can check.
func TestEveryDepartureFromTheStandardHasAFact(t *testing.T) {
	t.Parallel()
	all := Profiles()
	for _, p := range profileOrder(all) {
		about := map[string]bool{}
		for _, f := range p.Facts {
			about[f.About] = true
		}
		if len(p.Facts) == 0 {
			t.Errorf("%s has no facts", p.Name)
		}
		for _, d := range departures(p, all["standard"]) {
			field, _, _ := strings.Cut(d.setting, ".")
			if field != "tolerate" && !about[field] {
				t.Errorf("%s says %s: %s without a fact about %s", p.Name, d.setting, d.value, field)
			}
		}
		for _, tolerance := range p.Tolerate {
			if !about[string(tolerance)] {
				t.Errorf("%s tolerates %s without a fact about it", p.Name, tolerance)
			}
		}
		for code := range p.Sources {
			if !slices.ContainsFunc(p.Facts, func(f Fact) bool { return slices.Contains(strings.Fields(f.Source), code) }) {
				t.Errorf("%s explains the source %s, which no fact has", p.Name, code)
			}
		}
	}
}

func TestTheNamedVendorsHaveProfiles(t *testing.T) {
	t.Parallel()
	all := Profiles()
	for _, name := range []string{
		"standard", "standard-stu1", "standard-stu2", "standard-stu3", "standard-stu4", "ecw", "epic", "oracle-millennium", "athena",
		"nextgen", "veradigm", "bcda", "ab2d", "dpc", "hapi", "azure", "healthlake", "firely", "medplum", "smart-reference",
	} {
		if all[name] == nil || all[name].Name != name {
			t.Errorf("there is no profile %s", name)
		}
	}
}

package views

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

const pageHead = `# Tables

What the built-in views make of the resources of FHIR R4: a main table for each type, with one row per resource, and child tables for what
repeats. ` + "`bulkhead tables`" + ` prints the same for the views of your configuration. Add or replace tables: [how to write a view](views.md),
[views to drop in](examples/views/README.md).

This page is printed from the views: ` + "`make docs`" + `.

## How to read it

- **Keys.** ` + "`id`" + ` is the bare id and unique only within a practice and a type: join on it and on ` + "`tenant_id`" + `. A column
  ` + "`x_id`" + ` holds the id that a reference names, where it is of this server, relative or absolute; ` + "`x_id_type`" + ` stands beside it where
  the target may be of several types. A reference to another server keeps its whole URL; one to a contained resource is null.
- **Text is as it was sent.** Dates may be a year or a month, decimals keep their digits. Companions that follow a column by rule are typed,
  and null where the text has not the precision: ` + "`x_date`" + ` (the day), ` + "`x_ts`" + ` (the instant in UTC), ` + "`x_num`" + ` (the nearest double).
- **Codes.** ` + "`x_code`, `x_system`, `x_display`" + ` are those of the first coding, ` + "`x_text`" + ` is what was written; ` + "`x_loinc`" + ` and its like
  are the first code of that system, wherever it stands. All codings are in [coding](#coding), all references in [reference](#reference).
- **What repeats against the standard** gives its first value; nobody loses a line by it.
- **New exports.** The rows of a resource are replaced as a whole when it changes, in all tables of its type, and go when it is deleted.
  ` + "`index`" + ` numbers the rows that one resource has in a child table.
- **path** is the FHIRPath expression that fills the column; behind ` + "`>`" + ` it continues for each value of what stands before. **MS** marks what shows an
  element that US Core %s has as must-support.

Every table has these columns besides:

| column | type | meaning |
|---|---|---|
`

// From longPath bytes on the page leaves an expression to the view's file, and
// from longForEach on it writes what columns are for each of only once.
const (
	longPath    = 250
	longForEach = 40
)

func TestThePageOfTablesIsPrintedFromTheViews(t *testing.T) {
	t.Parallel()
	guide, err := uscore.Load(uscore.Default)
	if err != nil {
		t.Fatal(err)
	}
	entries := loadBuiltin(t).Dictionary(guide.MustSupport)
	var b strings.Builder
	fmt.Fprintf(&b, pageHead, uscore.Default)
	for _, name := range []string{table.TenantID, table.ResourceKey, table.SourceFile} {
		fmt.Fprintf(&b, "| `%s` | text | %s |\n", name, ownColumns[name])
	}
	fmt.Fprintf(&b, "| `%s` | int64 | %s |\n", table.SourceLine, ownColumns[table.SourceLine])
	b.WriteString("\n## All tables\n\n| table | of | rows |\n|---|---|---|\n")
	for _, e := range entries {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", e.Table, e.Table, e.ResourceType, e.Description)
	}
	for _, e := range entries {
		writeEntry(&b, e)
	}
	file := filepath.Join("..", "..", "docs", "tables.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/tables.md (-want +got); run with -update when the change is meant:\n%s", diff)
	}
}

func writeEntry(b *strings.Builder, e Entry) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", e.Table, e.Description)
	if e.Where != "" {
		fmt.Fprintf(b, "Of resources for which %s.\n", code(e.Where))
	}
	names := make(map[string]string) // of long expressions that columns are for each of
	for _, c := range e.Columns {
		for _, f := range c.ForEach {
			if len(f) >= longForEach && names[f] == "" {
				names[f] = fmt.Sprintf("(%d)", len(names)+1)
				fmt.Fprintf(b, "\n%s is %s\n", names[f], code(f))
			}
		}
	}
	b.WriteString("\n| column | type | meaning | path | MS |\n|---|---|---|---|---|\n")
	for _, c := range e.Columns {
		if _, everywhere := ownColumns[c.Name]; everywhere && c.Path == "" && c.Name != "id" && c.Name != "resource_type" {
			continue
		}
		mark := ""
		if c.MustSupport {
			mark = "MS"
		}
		path := code(c.Path)
		if len(c.Path) > longPath {
			path = "[its view](../internal/views/" + e.File + ")"
		}
		for i := len(c.ForEach) - 1; i >= 0; i-- {
			f := c.ForEach[i]
			path = cmp.Or(names[f], code(f)) + " > " + path
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", c.Name, c.Type, strings.ReplaceAll(c.Description, "|", `\|`), path, mark)
	}
}

// code writes an expression as code.
func code(path string) string {
	switch {
	case path == "":
		return ""
	case strings.Contains(path, "`"):
		return "`` " + path + " ``"
	}
	return "`" + path + "`"
}

func TestEveryColumnOfTheDictionaryIsExplained(t *testing.T) {
	t.Parallel()
	tables := make(map[string]bool)
	for _, e := range loadBuiltin(t).Dictionary(nil) {
		if tables[e.Table] || e.Description == "" || e.Title == "" {
			t.Errorf("%s stands twice, or has no title or description", e.Table)
		}
		tables[e.Table] = true
		for _, c := range e.Columns {
			if c.Description == "" || c.Type == "" {
				t.Errorf("%s.%s is not explained", e.Table, c.Name)
			}
			if c.MustSupport {
				t.Errorf("%s.%s is must-support without a guide", e.Table, c.Name)
			}
		}
	}
	for _, own := range ownTables {
		for name := range own.columns {
			if !strings.Contains(fmt.Sprint(own.Columns), "{"+name+" ") {
				t.Errorf("%s has no column %s", own.Name, name)
			}
		}
	}
}

func TestAColumnSaysWhichElementsItShows(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	for name, want := range map[string]string{
		"patient.family":                        "Patient.name.family",
		"patient.city":                          "Patient.address.city",
		"observation.value_unit":                "Observation.valueQuantity.unit",
		"observation_component.code_code":       "Observation.component.code.coding.code",
		"questionnaire_response_answer.link_id": "QuestionnaireResponse.item.linkId QuestionnaireResponse.answer.item.linkId",
		"encounter.practitioner_role":           "Encounter.participant.type.coding.code",
		"encounter_participant.index":           "",
	} {
		tableName, columnName, _ := strings.Cut(name, ".")
		found := false
		for _, typ := range set.Types() {
			for _, v := range set.For(typ) {
				for i, c := range v.Columns() {
					if v.Name == tableName && c.Name == columnName {
						found = true
						if got := strings.Join(v.Elements(i), " "); got != want {
							t.Errorf("%s shows %q, want %q", name, got, want)
						}
					}
				}
				if len(v.origins) != len(v.Columns()) {
					t.Errorf("%s: origins of %d columns, want %d", v.Name, len(v.origins), len(v.Columns()))
				}
			}
		}
		if !found {
			t.Errorf("there is no column %s", name)
		}
	}
}

// unshown are the must-support elements that no column shows, and why.
var unshown = map[string]string{
	"Coverage.identifier:memberid.type":                                  "member_id goes by it",
	"Observation.category:VSCat.coding.system":                           "fixed",
	"Observation.component:Concentration.value[x].system":                "value_ucum is of UCUM only",
	"Observation.component:FlowRate.value[x].system":                     "value_ucum is of UCUM only",
	"Observation.component:diastolic.value[x].system":                    "value_ucum is of UCUM only",
	"Observation.component:systolic.value[x].system":                     "value_ucum is of UCUM only",
	"Observation.value[x]:valueQuantity.system":                          "value_ucum is of UCUM only",
	"Organization.identifier.system":                                     "npi, clia and naic go by it",
	"Organization.telecom.system":                                        "phone goes by it",
	"Practitioner.telecom.system":                                        "phone and email go by it",
	"PractitionerRole.telecom.system":                                    "phone and email go by it",
	"Provenance.target.reference":                                        "target_key is made of it",
	"QuestionnaireResponse.item.answer.item":                             "its answers are rows",
	"QuestionnaireResponse.item.item":                                    "its answers are rows",
	"QuestionnaireResponse.questionnaire.extension:questionnaireDisplay": "of a primitive",
	"QuestionnaireResponse.questionnaire.extension:url":                  "of a primitive",
}

func TestEveryMustSupportElementIsShownByAColumn(t *testing.T) {
	t.Parallel()
	guide, err := uscore.Load(uscore.Default)
	if err != nil {
		t.Fatal(err)
	}
	set := loadBuiltin(t)
	excused := 0
	for _, typ := range guide.ResourceTypes() {
		shown := make(map[string]bool)
		for _, v := range set.For(typ) {
			for i := range v.Columns() {
				for _, e := range v.Elements(i) {
					shown[e] = true
				}
			}
		}
		for _, id := range guide.MustSupport(typ) {
			found := false
			for e := range shown {
				_, is := cutElement(e, id)
				found = found || is
			}
			_, excuse := unshown[id]
			if excuse {
				excused++
			}
			if found == excuse {
				t.Errorf("%s is shown: %t, excused: %t", id, found, excuse)
			}
		}
	}
	if excused != len(unshown) {
		t.Errorf("%d elements are excused, and %d of them there", len(unshown), excused)
	}
}

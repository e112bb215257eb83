package cli

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/bulkhead-fhir/bulkhead/internal/checkup"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/doctor"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const manualHead = `# Commands

Every verb of ` + "`bulkhead`" + `, printed from the command itself (` + "`make docs`" + `). Flags that all of them have:

%s
Exit statuses, and what to do about each problem: [problems](problems.md). ` + "`bulkhead completion`" + ` prints what a shell needs to complete all this.

## JSON

With ` + "`--json`" + ` every line of standard output is one JSON object. Times are in UTC; a field with a question mark is left out when there is nothing to
say. A failure is one object on standard error: ` + "`%s`" + `. Fields are added; none
is renamed or taken away without a new major version.
`

// shapes are what verbs print with --json, one sample of each kind of line.
var shapes = map[string][]any{
	"status":           {standing{}},
	"status --watch":   {watchedStand{}},
	"export":           {followed{}, typeReport{}, remark{}, attachmentReport{}},
	"plan":             {plan{}},
	"pause":            {pauseShown{}},
	"config check":     {soundness{}},
	"config diff":      {config.Diff{}},
	"config history":   {revision{}},
	"quarantine list":  {refusedRow{}},
	"quarantine show":  {shownLine{}},
	"alerts list":      {shownAlert{}},
	"roster":           {standingGroup{}},
	"check":            {checkup.Finding{}},
	"doctor":           {doctor.Finding{}, summary{}},
	"tables":           {tableLine{}},
	"dispose now":      {going{}},
	"dispose calendar": {goingDate{}},
	"people list":      {shownPerson{}},
	"audit verify":     {walked{}},
	"audit who-saw":    {looked{}},
	"keys list":        {listed{}},
	"backup":           {store.Manifest{}},
}

// Manual prints the page of all verbs.
func Manual() (string, error) {
	parser, err := kong.New(&command{}, kong.Name("bulkhead"))
	if err != nil {
		return "", fmt.Errorf("build the command line: %w", err)
	}
	illustrate(parser.Model.Node)
	var b strings.Builder
	fmt.Fprintf(&b, manualHead, flagsOf(parser.Model.Node), strings.Join(fieldsOf(reflect.TypeFor[failure]()), ", "))
	for _, n := range parser.Model.Leaves(true) {
		if words(n) != "completion" {
			writeVerb(&b, n)
		}
	}
	return b.String(), nil
}

func writeVerb(b *strings.Builder, n *kong.Node) {
	fmt.Fprintf(b, "\n## bulkhead %s\n\n%s\n", words(n), n.Help)
	var list strings.Builder
	for _, p := range n.Positional {
		fmt.Fprintf(&list, "- `%s`: %s\n", p.Summary(), p.Help)
	}
	list.WriteString(flagsOf(n))
	for _, name := range []string{words(n), words(n) + " --watch"} {
		for _, of := range shapes[name] {
			fmt.Fprintf(&list, "- `--json%s`: `%s`\n", strings.TrimPrefix(name, words(n)), strings.Join(fieldsOf(reflect.TypeOf(of)), ", "))
		}
	}
	if list.Len() > 0 {
		b.WriteString("\n" + list.String())
	}
	b.WriteString("\n```\n")
	for _, x := range examples[words(n)] {
		b.WriteString(x.String())
	}
	b.WriteString("```\n")
}

// flagsOf lists the flags that belong to a verb itself.
func flagsOf(n *kong.Node) string {
	var b strings.Builder
	for _, f := range n.Flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		name := f.Summary()
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", name, f.Help)
	}
	return b.String()
}

// fieldsOf names the fields of a struct as JSON has them, those of embedded
// structs among them; a question mark follows what may be left out.
func fieldsOf(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, fieldsOf(f.Type)...)
		case name == "" || name == "-":
		case strings.Contains(option, "omit"):
			names = append(names, name+"?")
		default:
			names = append(names, name)
		}
	}
	return names
}

package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const manualHead = `# Configuration

One YAML file, read strictly: an unknown field is a mistake, told with its line; all mistakes are told at once.
Relative paths are taken against the folder of the file. Secrets are never in it: keys are named by file (` + "`key_file`" + `),
environment variable (` + "`key_env`" + `) or folder (` + "`key_folder`" + `). A whole example: [examples/bulkhead.yaml](examples/bulkhead.yaml).

A duration is written as ` + "`90s`, `36h`, `30d` or `2w`" + `. A moment is a FHIR instant (` + "`2026-01-31T08:00:00Z`" + `) or a date, which means
midnight in the tenant's time zone. A size is written as ` + "`500kB`, `20MiB`" + ` or a number of bytes. Where a list is wanted, one value alone will do.
A window is a time of the week, ` + "`mon-fri 08:00-18:00`" + ` or ` + "`sat,sun 22:00-04:00 America/Chicago`" + `, or comes once, from an instant to another: ` + "`2026-01-31T22:00:00Z/2026-02-01T04:00:00Z`" + `.

Editors complete and check the fields by a JSON Schema: [config.schema.json](config.schema.json) for the file, and
[tenant.schema.json](tenant.schema.json) for a file that holds one practice; ` + "`bulkhead config schema [--tenant]`" + ` prints them. Name it in the
first line: ` + "`# yaml-language-server: $schema=config.schema.json`" + `.

` + "`bulkhead config check`" + ` tells every mistake of every file, ` + "`config diff`" + ` what differs from what is in force, and ` + "`config apply`" + ` puts the
files in force, also while ` + "`bulkhead run`" + ` works; so does SIGHUP. What a practice's configuration was, since when and by whom, says
` + "`config history`" + `. Why it is so: [adr/0013](adr/0013-files-and-what-is-in-force.md).

This page is printed from the fields' own comments: ` + "`make docs`" + `.
`

// sections are the chapters of the manual: a title, a type, and what leads to it.
var sections = []struct {
	title, typ, lead string
}{
	{"The file", "Config", ""},
	{"limits", "Limits", ""},
	{"limits: retry", "Retry", ""},
	{"scheduling", "Scheduling", "What decides when an export starts: [scheduling.md](scheduling.md)."},
	{"tls", "TLS", ""},
	{"jwks", "JWKS", ""},
	{"web", "Web", ""},
	{"web: oidc", "OIDC", "How people sign in: [web.md](web.md)."},
	{"alerts", "Alerts", "What each kind means, and how a message looks: [alerts.md](alerts.md)."},
	{"alerts: routes", "AlertRoute", "Each item of `routes`:"},
	{"metrics", "Metrics", "What there is: [metrics.md](metrics.md)."},
	{"traces", "Traces", "What they hold: [traces.md](traces.md)."},
	{"hooks", "Hook", "Each item of `hooks`; what is sent: [triggers.md](triggers.md)."},
	{"callbacks", "Callback", "Each item of `callbacks`; what is sent: [triggers.md](triggers.md)."},
	{"encryption", "Encryption", "What is encrypted and what is not: [encryption.md](encryption.md)."},
	{"encryption: former", "FormerKey", "How a house key is changed for another: [encryption.md](encryption.md#another-house-key)."},
	{"registrations", "Registration", "Below `registrations`, each under a name of yours:"},
	{"sinks", "Sink", "Below `sinks`, each under a name of yours:"},
	{"tenants", "Tenant", "Each item of `tenants`, and each included file:"},
	{"validation", "Validation", "Of all tenants, and below a tenant's `validation`; what is checked: [us-core.md](us-core.md)."},
	{"attachments", "Attachments", "Below a tenant's `attachments`; what becomes of them: [attachments.md](attachments.md)."},
	{"contacts", "Contact", "Each item of a tenant's `contacts`:"},
	{"agreement", "Agreement", "Below a tenant's `agreement`:"},
	{"agreement: document", "Document", ""},
	{"agreement: grants", "Grants", ""},
	{"agreement: security", "Security", ""},
	{"agreement: retention", "Retention", ""},
	{"Vendor profiles", "Profile", "How one EHR differs from the standard. The built-in ones stand in [vendors.md](vendors.md), with what is known of each vendor. A file in the folder that `profiles` names adds one, or replaces the one of the same name; with `extends: standard` it says only what differs:"},
	{"A profile's scope", "ScopeRule", ""},
	{"A profile's poll", "PollRule", ""},
	{"A profile's facts", "Fact", ""},
}

func TestTheManualIsPrintedFromTheFields(t *testing.T) {
	t.Parallel()
	types := fieldComments(t)
	var b strings.Builder
	b.WriteString(manualHead)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.lead != "" {
			b.WriteString(s.lead + "\n\n")
		}
		rows := types[s.typ]
		if len(rows) == 0 {
			t.Fatalf("%s has no fields with comments", s.typ)
		}
		b.WriteString("| field | what it is |\n|---|---|\n")
		for _, r := range rows {
			fmt.Fprintf(&b, "| `%s` | %s |\n", r[0], r[1])
		}
	}
	b.WriteString("\n## What a profile may tolerate\n\n| name | what is accepted |\n|---|---|\n")
	for _, r := range types["Tolerance"] {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r[0], r[1])
	}

	golden(t, "docs/configuration.md is not what the fields say", filepath.Join("..", "..", "docs", "configuration.md"), b.String())
}

var identifier = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// fieldComments gives, by type, the YAML names of its fields with their comments;
// for Tolerance, its constants.
func fieldComments(t *testing.T) map[string][][2]string {
	t.Helper()
	types := map[string][][2]string{}
	yaml := map[string]string{} // Go field name to YAML name
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var raw []struct{ typ, field, name, text string }
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				s, ok := n.Type.(*ast.StructType)
				if !ok {
					return true
				}
				for _, f := range s.Fields.List {
					if f.Tag == nil || len(f.Names) != 1 {
						continue
					}
					name := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml")
					if name == "" {
						continue
					}
					yaml[f.Names[0].Name] = name
					raw = append(raw, struct{ typ, field, name, text string }{n.Name.Name, f.Names[0].Name, name, f.Doc.Text()})
				}
			case *ast.ValueSpec:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Tolerance" {
					name := strings.Trim(n.Values[0].(*ast.BasicLit).Value, `"`)
					_, text, _ := strings.Cut(n.Doc.Text(), ": ")
					types["Tolerance"] = append(types["Tolerance"], [2]string{name, oneLine(text)})
				}
			}
			return true
		})
	}
	for _, r := range raw {
		text := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(oneLine(r.text), r.field+" "), "is "), "are ")
		text = identifier.ReplaceAllStringFunc(text, func(id string) string {
			// A single capitalised word may be plain English.
			if name, ok := yaml[id]; ok && strings.ContainsFunc(id[1:], func(c rune) bool { return c >= 'A' && c <= 'Z' }) {
				return "`" + name + "`"
			}
			return id
		})
		types[r.typ] = append(types[r.typ], [2]string{r.name, text})
	}
	return types
}

func oneLine(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

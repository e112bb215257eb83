package config

import (
	_ "embed"
	"strings"
)

// The kinds of files that a configuration is made of.
const (
	WholeFile  = "Config"
	TenantFile = "Tenant"
)

//go:embed schema.json
var schema string

// Schema gives the JSON Schema of a kind of file, for editors: WholeFile or
// TenantFile. It is printed from the same fields and comments as the manual.
// What it accepts may still be refused by Load, which sees the whole. It is
// stricter than Load only about values that are left empty, and about true and
// false where a text is wanted.
// https://json-schema.org/draft/2020-12
func Schema(kind string) string { return rooted(schema, kind) }

// rooted gives the schema of a kind of file out of that of the whole.
func rooted(whole, kind string) string {
	return strings.Replace(whole, `"$ref": "#/$defs/`+WholeFile+`"`, `"$ref": "#/$defs/`+kind+`"`, 1)
}

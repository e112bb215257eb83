package config

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A validator applies as much of JSON Schema as the schema of a configuration
// uses; a keyword that it does not know fails the test.
// https://json-schema.org/draft/2020-12/json-schema-validation
type validator struct {
	t      *testing.T
	defs   node
	faults []string
}

func (v *validator) check(path string, schema node, value any) {
	for keyword, rule := range schema {
		if !v.holds(path, keyword, rule, schema, value) {
			v.faults = append(v.faults, path+" breaks "+keyword)
		}
	}
}

func (v *validator) holds(path, keyword string, rule any, schema node, value any) bool {
	text, isText := value.(string)
	object, isObject := value.(node)
	switch keyword {
	case "$schema", "$defs", "title", "description":
		return true
	case "$ref":
		target, ok := v.defs[strings.TrimPrefix(rule.(string), "#/$defs/")].(node)
		if !ok {
			v.t.Fatalf("%s refers to %v", path, rule)
		}
		v.check(path, target, value)
		return true
	case "type":
		return slices.ContainsFunc(asList(rule), func(name any) bool { return isOf(name.(string), value) })
	case "enum":
		return slices.Contains(asList(rule), value)
	case "const":
		return rule == value
	case "minimum":
		n, ok := value.(float64)
		return !ok || n >= rule.(float64)
	case "minLength":
		return !isText || len(text) >= int(rule.(float64))
	case "pattern":
		return !isText || regexp.MustCompile(rule.(string)).MatchString(text)
	case "anyOf":
		return slices.ContainsFunc(asList(rule), func(one any) bool { return v.accepts(one.(node), value) })
	case "items":
		list, _ := value.([]any)
		for _, item := range list {
			v.check(path+"[]", rule.(node), item)
		}
		return true
	case "required":
		return !isObject || !slices.ContainsFunc(asList(rule), func(name any) bool { _, ok := object[name.(string)]; return !ok })
	case "properties":
		for name, sub := range rule.(node) {
			if field, ok := object[name]; ok {
				v.check(path+"."+name, sub.(node), field)
			}
		}
		return true
	case "propertyNames":
		for name := range object {
			v.check(path+"."+name, rule.(node), name)
		}
		return true
	case "additionalProperties":
		return v.additional(path, rule, schema, object)
	}
	v.t.Fatalf("the schema has the keyword %s, which this test does not know", keyword)
	return false
}

func (v *validator) additional(path string, rule any, schema, object node) bool {
	known, _ := schema["properties"].(node)
	for name, field := range object {
		if _, ok := known[name]; ok {
			continue
		}
		sub, allowed := rule.(node)
		if !allowed {
			v.faults = append(v.faults, path+"."+name+" is not a field")
			continue
		}
		v.check(path+"."+name, sub, field)
	}
	return true
}

// accepts reports whether a schema has no fault to find with a value.
func (v *validator) accepts(schema node, value any) bool {
	probe := validator{t: v.t, defs: v.defs}
	probe.check("", schema, value)
	return len(probe.faults) == 0
}

func asList(rule any) []any {
	if list, ok := rule.([]any); ok {
		return list
	}
	return []any{rule}
}

func isOf(name string, value any) bool {
	switch value := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && value == math.Trunc(value)
	case []any:
		return name == "array"
	case node:
		return name == "object"
	}
	return false
}

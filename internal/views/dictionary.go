package views

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// An Entry describes one table to those who query it.
type Entry struct {
	Table        string
	ResourceType string // empty for a table of all types
	Title        string // may be empty
	Description  string // what its rows are; may be empty for a user's view
	File         string // of the view; empty for a table that no view makes
	Where        string // which resources have rows, as an expression; empty for all
	Columns      []ColumnEntry
}

// A ColumnEntry describes one column of a table.
type ColumnEntry struct {
	Name        string
	Type        table.Type
	Description string
	ForEach     []string // the expressions that its rows, or what Path begins at, are of; from the outermost
	Path        string   // the expression that fills it; empty when none does
	MustSupport bool     // a profile marks an element that it shows as must-support
}

// Dictionary describes the tables of all views, by type and in the order of
// For, and then those that no view makes. mustSupport gives the ids of a
// type's must-support elements, as [Supports] takes them; it may be nil.
func (s *Set) Dictionary(mustSupport func(resourceType string) []string) []Entry {
	var entries []Entry
	for _, t := range s.Types() {
		var ids []string
		if mustSupport != nil {
			ids = mustSupport(t)
		}
		for _, v := range s.byType[t] {
			entries = append(entries, v.entry(ids))
		}
	}
	return append(entries, ownEntries()...)
}

// Elements returns the elements that a column of the view shows, by its index
// in Columns: "Patient.name.family" for family. A column of the row's position
// shows none.
func (v View) Elements(column int) []string { return v.origins[column].elements }

func (v View) entry(ids []string) Entry {
	e := Entry{Table: v.Name, ResourceType: v.Resource, Title: v.Title, Description: v.Description, File: v.File, Where: v.where}
	for _, f := range v.Fills {
		c := ColumnEntry{Name: f.Column.Name, Type: f.Column.Type, Description: ownColumns[f.Column.Name]}
		if f.From >= 0 {
			column, origin := v.Columns()[f.From], v.origins[f.From]
			c.MustSupport = Supports(ids, origin.elements)
			c.Description, c.ForEach, c.Path = column.Description, origin.forEach, origin.path
			if f.As != Plain {
				c.Description, c.ForEach, c.Path = fmt.Sprintf(companionMeanings[f.As], column.Name), nil, ""
			}
		}
		e.Columns = append(e.Columns, c)
	}
	return e
}

// companionMeanings say what a companion of a column holds.
var companionMeanings = map[Source]string{
	Date:    "The day of `%s`, when it has one",
	Time:    "The instant of `%s` in UTC, when it has a time with a zone",
	Number:  "`%s` as the nearest double",
	RefType: "Resource type that `%s` is of",
}

// An origin says where a column's values come from.
type origin struct {
	forEach  []string
	path     string
	elements []string
}

// A layout is the part of a view file that says how its selects are nested.
type layout struct {
	ForEach       string
	ForEachOrNull string
	Repeat        []string
	Column        []struct{ Path string }
	Select        []layout
	UnionAll      []layout
}

// origins reads from a checked view file where each of its columns comes from,
// in the order of the columns, and which resources have rows.
func origins(text []byte, resource string) (columns []origin, where string, err error) {
	var v struct {
		Select []layout
		Where  []struct{ Path string }
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, "", fmt.Errorf("read the selects: %w", err)
	}
	var criteria []string
	for _, w := range v.Where {
		criteria = append(criteria, w.Path)
	}
	for i := range v.Select {
		columns = append(columns, v.Select[i].origins(resource, nil, []string{resource})...)
	}
	return columns, strings.Join(criteria, " and "), nil
}

// origins returns the columns of a select. above are the expressions of the
// iterations around it, focus the elements that they lead to.
func (l *layout) origins(resource string, above, focus []string) (columns []origin) {
	if each := append(nonEmpty(l.ForEach, l.ForEachOrNull), l.Repeat...); len(each) > 0 {
		var inside []string
		for _, path := range each {
			inside = append(inside, elementsOf(path, resource, focus)...)
		}
		above, focus = append(above[:len(above):len(above)], strings.Join(each, " or ")), inside
	}
	for _, c := range l.Column {
		columns = append(columns, origin{above, c.Path, elementsOf(c.Path, resource, focus)})
	}
	for i := range l.Select {
		columns = append(columns, l.Select[i].origins(resource, above, focus)...)
	}
	for i := range l.UnionAll {
		branch := l.UnionAll[i].origins(resource, above, focus)
		if i == 0 {
			columns = append(columns, branch...)
			continue
		}
		for n := range branch { // of the same columns
			c := &columns[len(columns)-len(branch)+n]
			c.path += " or " + branch[n].path
			c.elements = append(c.elements, branch[n].elements...)
		}
	}
	return columns
}

func nonEmpty(texts ...string) (out []string) {
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

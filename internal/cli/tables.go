package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

type tablesCommand struct {
	Table string `arg:"" optional:"" help:"One table, to see its columns; all of them without."`
}

// A tableLine is a table as it is printed.
type tableLine struct {
	Table        string       `json:"table"`
	ResourceType string       `json:"resource_type,omitempty"`
	Description  string       `json:"description,omitempty"`
	View         string       `json:"view,omitempty"`
	Where        string       `json:"where,omitempty"`
	Columns      []columnLine `json:"columns"`
}

type columnLine struct {
	Name        string     `json:"name"`
	Type        table.Type `json:"type"`
	Description string     `json:"description,omitempty"`
	ForEach     []string   `json:"for_each,omitempty"`
	Path        string     `json:"path,omitempty"`
	MustSupport bool       `json:"must_support,omitempty"`
}

// Run prints what the views of the configuration make, or of a folder without
// one the built-in views.
func (c *tablesCommand) Run(g *Globals) error {
	entries, err := g.dictionary()
	if err != nil {
		return err
	}
	if c.Table != "" {
		for _, e := range entries {
			if e.Table == c.Table {
				return g.describeTable(e)
			}
		}
		return problem.New(problem.Usage, fmt.Sprintf("there is no table %s", c.Table), "See bulkhead tables.")
	}
	list := grid{header: []string{"table", "of", "columns", "rows"}, right: map[int]bool{2: true}}
	for _, e := range entries {
		if g.JSON {
			if err := g.emit(lineOf(e)); err != nil {
				return err
			}
			continue
		}
		list.add(e.Table, e.ResourceType, wording.Count(int64(len(e.Columns))), e.Description)
	}
	if !g.JSON {
		list.print(g)
	}
	return nil
}

// dictionary describes the tables of the configured views.
func (g *Globals) dictionary() ([]views.Entry, error) {
	var folders []string
	version := config.DefaultGuide
	if _, err := os.Stat("bulkhead.yaml"); g.Config != "" || !errors.Is(err, fs.ErrNotExist) {
		cfg, err := g.load()
		if err != nil {
			return nil, err
		}
		folders = cfg.Views
		if cfg.Validation.USCore != "" {
			version = cfg.Validation.USCore
		}
	}
	set, err := views.Load(folders...)
	if err != nil {
		return nil, err
	}
	guide, err := uscore.Load(uscore.Version(version))
	if err != nil {
		return set.Dictionary(nil), nil // judged by no guide: none marks an element
	}
	return set.Dictionary(guide.MustSupport), nil
}

func lineOf(e views.Entry) tableLine {
	line := tableLine{Table: e.Table, ResourceType: e.ResourceType, Description: e.Description, View: e.File, Where: e.Where}
	for _, c := range e.Columns {
		line.Columns = append(line.Columns, columnLine(c))
	}
	return line
}

func (g *Globals) describeTable(e views.Entry) error {
	if g.JSON {
		return g.emit(lineOf(e))
	}
	g.printf("%s\n", strings.Join(nonEmpty(e.Table, e.ResourceType, e.File), ", "))
	for _, said := range nonEmpty(e.Description, e.Where) {
		g.printf("%s\n", said)
	}
	g.printf("\n")
	list := grid{header: []string{"column", "type", "must-support", "meaning"}}
	for _, c := range e.Columns {
		mark := ""
		if c.MustSupport {
			mark = "yes"
		}
		list.add(c.Name, string(c.Type), mark, strings.ReplaceAll(c.Description, "`", ""))
	}
	list.print(g)
	g.printf("\nPaths: bulkhead tables %s --json\n", e.Table)
	return nil
}

func nonEmpty(texts ...string) (out []string) {
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

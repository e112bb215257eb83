package sinktest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

var builtin = sync.OnceValues(func() (*views.Set, error) { return views.Load() })

const ehr = "https://ehr.example/fhir"

// A landing is an export whose files go the whole way: NDJSON, ingest, sink.
type landing struct {
	export    string
	sources   []ingest.Source
	organized bool
	partial   bool
	replace   []string
}

func land(export string) *landing { return &landing{export: export} }

// output adds a file of resources.
func (x *landing) output(resourceType string, lines ...string) *landing {
	return x.add(ingest.Output, resourceType, lines)
}

// deleted adds a file of Bundles.
func (x *landing) deleted(lines ...string) *landing { return x.add(ingest.Deleted, "Bundle", lines) }

func (x *landing) add(section ingest.Section, resourceType string, lines []string) *landing {
	text := strings.Join(lines, "\n")
	x.sources = append(x.sources, ingest.Source{
		File: fmt.Sprintf("0-%s-%d-%s", section, len(x.sources), resourceType), Section: section, Type: resourceType,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	})
	return x
}

// lands brings an export of tenant north into the sink.
func (b *bench) lands(x *landing) sink.Receipt {
	b.Helper()
	set, err := builtin()
	if err != nil {
		b.Fatal(err)
	}
	store, err := blob.OpenLocal(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // a folder of the test's
	scope, err := store.Tenant("north")
	if err != nil {
		b.Fatal(err)
	}
	o := ingest.Options{
		Scope: scope, Export: x.export, Views: set, Base: ehr, Organized: x.organized, Workers: 2,
		Permits: func(string) bool { return true },
	}
	d := sink.Delivery{Tenant: "north", Export: x.export, Mode: sink.Incremental, Partial: x.partial, Replace: x.replace}
	if len(x.replace) > 0 {
		d.Mode = sink.Full
	}
	types, staged := slices.Clone(x.replace), map[string][]sink.File{}
	for _, src := range x.sources {
		s, err := ingest.Run(b.Context(), o, src)
		if err != nil {
			b.Fatalf("ingest %s: %v", src.File, err)
		}
		d.Files = append(d.Files, x.export+"/"+src.File)
		for _, t := range s.Types {
			types = append(types, t.Type)
		}
		for _, t := range s.Tables {
			for _, p := range t.Parts {
				path, release, err := scope.LocalPath(b.Context(), p.Key)
				if err != nil {
					b.Fatal(err)
				}
				defer release()
				staged[t.Name] = append(staged[t.Name], sink.File{Path: path, Rows: p.Rows})
			}
		}
	}
	for _, t := range append(set.TablesOf(fhir.TypeSet(types)), table.Resource) {
		d.Tables = append(d.Tables, sink.Table{Table: t, Files: staged[t.Name]})
	}
	d.Index, d.Deleted, d.Withheld = staged[table.Index.Name], staged[table.Deleted.Name], staged[table.Withheld.Name]
	r, err := b.sink.Publish(b.Context(), d)
	if err != nil {
		b.Fatalf("Publish of export %s: %v", x.export, err)
	}
	return r
}

// columnsOf compares some columns of a table, in any order of rows.
func (b *bench) columnsOf(name string, columns []string, want ...string) {
	b.Helper()
	var got []string
	for _, r := range b.h.Read(b.T, name).Rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, fmt.Sprint(r[c]))
		}
		got = append(got, strings.Join(cells, " "))
	}
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		b.Errorf("table %s, columns %q (-want +got):\n%s", name, columns, diff)
	}
}

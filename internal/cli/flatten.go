package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/flatten"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

type flattenCommand struct {
	Files   []string `arg:"" help:"NDJSON files, plain, .gz or .zst; - is standard input."`
	View    []string `required:"" short:"w" placeholder:"VIEW" help:"A ViewDefinition file, or the name of a built-in view such as patient; may be repeated."`
	Format  string   `enum:"csv,ndjson,parquet" default:"csv" help:"csv, ndjson or parquet."`
	Workers int      `placeholder:"N" help:"How many goroutines read lines (default: one for each processor). The row groups of Parquet stand in the order of the lines with one only."`
	Out     string   `short:"o" placeholder:"PATH" help:"Where rows go: a file, or a folder when there are several views (default: standard output)."`
}

// Run writes the rows of the views over the files. A line that is refused is
// told on standard error and counted; it ends nothing.
func (c *flattenCommand) Run(ctx context.Context, g *Globals) (err error) {
	defer collectLess(c.Workers)()
	list, err := c.views()
	if err != nil {
		return err
	}
	out := &outputs{command: c, views: list, streams: g.streams}
	defer func() { err = errors.Join(err, out.close()) }()
	f, err := flatten.New(flatten.Options{
		Views: list, Format: flatten.Format(c.Format), Open: out.open, Workers: c.Workers,
		Refused: func(r quarantine.Refusal) error {
			_, err := fmt.Fprintf(g.streams.Err, "refused: %s\n", r)
			return err
		},
	})
	if _, explained := errors.AsType[*problem.Problem](err); explained {
		return err
	}
	if err != nil {
		return problem.Wrap(err, problem.ViewInvalid, "the views cannot be used together", "Correct the view at the place named.")
	}
	var total flatten.Counts
	for _, name := range c.Files {
		err := reading(name, g.streams.In, func(shown string, src io.Reader) error {
			n, err := f.Read(ctx, shown, src)
			total.Add(n)
			return damagedInput(err)
		})
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	_, err = fmt.Fprintf(g.streams.Err, "%s lines, %s rows, %s of other types, %s refused\n",
		wording.Count(total.Lines), wording.Count(total.Rows), wording.Count(total.Other), wording.Count(total.Refused))
	return err
}

// views reads view files, and looks names up among the built-in ones. A name
// with a dot or a folder is that of a file.
func (c *flattenCommand) views() ([]*sqlonfhir.View, error) {
	var builtin map[string]*sqlonfhir.View // read when a name asks for it
	list := make([]*sqlonfhir.View, len(c.View))
	for i, name := range c.View {
		if builtin == nil && !strings.ContainsAny(name, `./\`) {
			var err error
			if builtin, err = builtinViews(); err != nil {
				return nil, err
			}
		}
		if v, ok := builtin[name]; ok {
			list[i] = v
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, problem.Wrap(err, problem.ViewInvalid, "there is no built-in view and no file "+name, "Give a file, or a table's name such as patient or observation_component.")
		}
		if list[i], err = sqlonfhir.Parse(text); err != nil {
			return nil, problem.Wrap(err, problem.ViewInvalid, "view "+name+" cannot be used", "Correct it at the place named.")
		}
	}
	return list, nil
}

func builtinViews() (map[string]*sqlonfhir.View, error) {
	set, err := views.Load()
	if err != nil {
		return nil, err
	}
	builtin := map[string]*sqlonfhir.View{}
	for _, t := range set.Types() {
		for _, v := range set.For(t) {
			builtin[v.Name] = v.View
		}
	}
	return builtin, nil
}

// outputs opens one output for each view.
type outputs struct {
	command *flattenCommand
	views   []*sqlonfhir.View
	streams Streams
	closers []func() error
}

func (o *outputs) open(view int) (io.Writer, error) {
	path := o.command.Out
	if path == "" || path == "-" {
		if len(o.views) > 1 {
			return nil, problem.New(problem.Usage, "rows of several views cannot share standard output", "Give a folder with --out.")
		}
		w := bufio.NewWriterSize(destination{o.streams.Out}, 1<<16)
		o.closers = append(o.closers, w.Flush)
		return w, nil
	}
	if len(o.views) > 1 {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, problem.Wrap(err, problem.StorageUnwritable, "the folder for the rows cannot be made", "Give a folder that you may write.")
		}
		file, err := o.fileOf(view)
		if err != nil {
			return nil, err
		}
		path = filepath.Join(path, file)
	}
	if o.isInput(path) {
		return nil, problem.New(problem.Usage, "rows cannot be written over the lines that they are made of: "+path+" is an input file too", "Give another file with --out.")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, problem.Wrap(err, problem.StorageUnwritable, "the rows cannot be written", "Give a file in a folder that you may write.")
	}
	w := bufio.NewWriterSize(destination{f}, 1<<16)
	o.closers = append(o.closers, func() error { return errors.Join(w.Flush(), f.Close()) })
	return w, nil
}

// destination explains why it does not take rows.
type destination struct{ io.Writer }

func (d destination) Write(p []byte) (int, error) {
	n, err := d.Writer.Write(p)
	if err != nil {
		err = problem.Wrap(err, problem.StorageUnwritable, "the rows cannot be written to their end",
			"Free space there, or give another file with --out; what was written is not whole.")
	}
	return n, err
}

// fileOf names the file of one of several views, after the view. Names that
// differ in capitals only are the same to some file systems.
func (o *outputs) fileOf(view int) (string, error) {
	name := strings.ToLower(o.views[view].Name)
	if name == "" {
		return "", problem.New(problem.Usage, "a view without a name has no file among those of several views", "Give each view a name.")
	}
	for _, other := range o.views[:view] {
		if strings.ToLower(other.Name) == name {
			return "", problem.New(problem.Usage, "two views have the name "+name+", and their rows would share a file", "Give each view a name of its own, or flatten one after the other.")
		}
	}
	return name + "." + o.command.Format, nil
}

// isInput reports whether a path is one of the files to be read.
func (o *outputs) isInput(path string) bool {
	to, err := os.Stat(path)
	if err != nil {
		return false
	}
	for _, name := range o.command.Files {
		from, err := os.Stat(name)
		if err == nil && from.Mode().IsRegular() && os.SameFile(from, to) {
			return true
		}
	}
	return false
}

func (o *outputs) close() error {
	var err error
	for _, c := range o.closers {
		err = errors.Join(err, c())
	}
	return err
}

package ingest

import (
	"bytes"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/generic"
	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/cespare/xxhash/v2"
)

// maxTypes bounds the different types of one file that have no view; FHIR has
// about 160.
const maxTypes = 300

// The tag of a resource that a server gives without all of its elements.
// https://hl7.org/fhir/R4/resource.html#Meta (SUBSETTED)
const (
	observationValue = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	subsetted        = "SUBSETTED"
)

// resourceLines takes the lines of an output file: resources, mostly of one
// type.
type resourceLines struct {
	opts     *Options
	declared string // the type that the manifest gives; empty in an organized file
	newTable newTable
	constant map[string]string
	file     []byte // as table.SourceFile has it
	index    *rows.Writer
	generic  genericTables
	plans    *Plans
	other    *rows.Writer // rows of table.Resource; nil until a type needs it
	types    map[string]*typeLines
	strange  int        // types of the file that have no view
	last     *typeLines // of the line before: most lines are of the same type
	outcomes *outcomeScan
	framing  *framingScan
	limiter  limiter
	withheld *rows.Writer // rows of table.Withheld; nil until there is one

	newest       int64 // latest last update, in microseconds; 0 when there is none
	subsetted    int64
	outcomeLines int64
	withdrawn    int64 // rows of withheld
}

// typeLines are the lines of one resource type.
type typeLines struct {
	name      []byte
	permitted bool
	runner    *sqlonfhir.Runner
	views     []viewRows
	tables    []*rows.Writer  // all that its lines fill
	other     *rows.Writer    // nil when views cover the type
	judge     *judge.Judge    // nil when nothing is judged
	generic   *generic.Reader // nil when no table of all types is filled
	dates     *datePlaces     // nil when dates of service are not looked at
	contained *labelNumbers   // nil when labels are not
	salt      func(key []byte) uint64
	shape     uint64 // of the type's views: part of the hash, so that a changed view makes every row a changed one
	key       []byte // "Type/id" of the current line
	lines     int64  // delivered
}

// viewRows writes the rows of one view.
type viewRows struct {
	to     *rows.Writer
	filler *rows.Filler
	emit   func(row []sqlonfhir.Value) error
}

func newResourceLines(o *Options, src *Source, tables newTable) (*resourceLines, error) {
	w := &resourceLines{
		opts: o, declared: src.Type, newTable: tables, types: make(map[string]*typeLines),
		constant: map[string]string{table.TenantID: o.Scope.Tenant()},
		outcomes: newOutcomeScan(), limiter: limiter{Limits: o.Limits},
	}
	if o.Organized {
		w.declared, w.framing = "", newFramingScan()
	}
	w.index = tables(table.Index, w.constant)
	w.generic = newGenericTables(o, tables, w.constant)
	if w.plans = o.Plans; w.plans == nil {
		w.plans = NewPlans()
	}
	begin := src.Type
	if o.Organized || begin == "OperationOutcome" {
		begin = "Resource" // the abstract type, which no line has
	}
	first, err := w.typeOf(begin)
	w.last = first
	return w, err
}

// begin makes the lines that come next those of another file. Types without a
// view are forgotten: their tables are shared, and names from outside must not
// add up.
func (w *resourceLines) begin(file []byte) {
	w.file, w.strange = file, 0
	w.newest, w.subsetted, w.outcomeLines, w.withdrawn = 0, 0, 0, 0
	w.outcomes.reset()
	for name, t := range w.types {
		if len(t.views) == 0 && t != w.last {
			delete(w.types, name)
			continue
		}
		t.begin(file)
	}
}

func (t *typeLines) begin(file []byte) {
	t.lines = 0
	t.judge.Reset()
	for i := range t.views {
		t.views[i].filler.File = file
	}
}

// typeOf returns what takes the lines of a type; nil when the file has too
// many types.
func (w *resourceLines) typeOf(name string) (*typeLines, error) {
	if t := w.types[name]; t != nil || w.strange >= maxTypes {
		return t, nil
	}
	o := w.opts
	t := &typeLines{
		name: []byte(name), permitted: name == w.declared, shape: o.Views.Fingerprint(name), tables: []*rows.Writer{w.index},
	}
	if o.Permits != nil {
		t.permitted = o.Permits(name) // I1: what the line is, not what the manifest says
	}
	if o.Base != "" {
		t.shape ^= xxhash.Sum64String(o.Base) // another base may give other keys
	}
	if o.Salt != nil {
		t.salt = o.Salt(name)
	}
	t.shape ^= o.Generic.mark()
	plan, err := w.plans.of(o, name)
	if err != nil {
		return nil, err
	}
	t.dates, t.contained = plan.dates, plan.contained
	if t.judge = judge.New(plan.rules); plan.places != nil {
		t.generic = plan.places.NewReader(o.Base)
	}
	t.tables = append(t.tables, w.generic.all()...)
	if len(o.Views.For(name)) == 0 {
		w.strange++
		if w.other == nil {
			w.other = w.newTable(table.Resource, w.constant)
		}
		t.other = w.other
		t.tables = append(t.tables, w.other)
	}
	for _, v := range o.Views.For(name) {
		to := w.newTable(v.Table, w.constant)
		filler := rows.NewFiller(v.Name, v.Fills, to)
		filler.File = w.file
		t.views = append(t.views, viewRows{to, filler, filler.Add})
		t.tables = append(t.tables, to)
	}
	t.runner = plan.program.NewRunner()
	t.runner.Rooted(o.Base)
	w.types[name] = t
	return t, nil
}

func (w *resourceLines) take(l ndjson.Line) (verdict, error) {
	t := w.last
	if err := t.runner.Load(l.Bytes); err != nil {
		return refusal(quarantine.SyntaxReason(err)), nil
	}
	if kind := t.runner.ResourceType(); !bytes.Equal(kind, t.name) {
		other, v, err := w.turn(string(kind), kind == nil, l)
		if other == nil {
			return v, err
		}
		t, w.last = other, other
	}
	if !t.permitted {
		return refusal(quarantine.ReasonNotPermitted), nil
	}
	if reason := quarantine.IDFault(t.runner.ID()); reason != "" {
		return refusal(reason), nil
	}
	if reason := w.limiter.refuses(loaded{t.runner.Meta(), t.runner.Tape(), t.contained, t.dates}); reason != "" {
		return refusal(reason), w.withdraw(t, l)
	}
	return w.write(t, l)
}

// withdraw has every destination let go of what it has of the line's resource,
// which may not be held: it may have been another when it was delivered, and an
// older form of it may stand on another line.
func (w *resourceLines) withdraw(t *typeLines, l ndjson.Line) error {
	w.withdrawn++
	if w.withheld == nil {
		w.withheld = w.newTable(table.Withheld, w.constant)
	}
	at, known := rows.ParseTime(t.runner.LastUpdated())
	c := w.withheld.Columns()
	c[0].(*columnar.Const).Append()
	c[1].(*columnar.Text).Append(t.name)
	c[2].(*columnar.Text).Append(t.runner.ID())
	c[3].(*columnar.Int64).AppendIf(at, known)
	c[4].(*columnar.Text).Append(w.file)
	c[5].(*columnar.Int64).Append(l.Number)
	return w.withheld.Keep(len(l.Bytes))
}

// turn brings a line of another type than the line before to its own type. It
// returns nil, and what the line is, when it is no resource to be taken.
func (w *resourceLines) turn(kind string, absent bool, l ndjson.Line) (*typeLines, verdict, error) {
	var name []byte
	if !absent {
		name = []byte(kind)
	}
	if reason := quarantine.ResourceFault(name, l.Bytes); reason != "" {
		return nil, refusal(reason), nil
	}
	switch {
	case kind == "OperationOutcome":
		w.outcomeLines++
		w.outcomes.read(l.Bytes)
		return nil, refusal(quarantine.ReasonOutcome), nil
	case kind == "Parameters" && w.framing != nil && w.framing.isHeader(l.Bytes):
		return nil, verdict{framing: true}, nil
	}
	t, err := w.typeOf(kind)
	switch {
	case err != nil:
		return nil, verdict{}, err
	case t == nil:
		return nil, refusal(quarantine.ReasonBadType), nil
	}
	if err := t.runner.Load(l.Bytes); err != nil {
		return nil, refusal(quarantine.SyntaxReason(err)), nil
	}
	return t, verdict{}, nil
}

// write writes all rows of the loaded line, or none.
func (w *resourceLines) write(t *typeLines, l ndjson.Line) (verdict, error) {
	id := t.runner.ID()
	t.key = append(append(append(t.key[:0], t.name...), '/'), id...)
	for i := range t.views {
		v := &t.views[i]
		v.filler.Key, v.filler.Line = t.key, l.Number
		if err := t.runner.Rows(i, v.emit); err != nil {
			return t.dropped(err)
		}
	}
	if t.judge != nil {
		broken := judge.FirstError(t.judge.Check(t.runner.Tape()))
		if broken != nil && w.opts.RefuseErrors {
			t.drop()
			return refusal(quarantine.ReasonProfile + broken.Rule + ":" + broken.Path), nil
		}
	}
	if t.generic != nil {
		w.generic.write(t.generic, genericLine{t.name, id, t.key, w.file, l.Number, t.runner.Tape()})
	}
	w.writeIndex(t, l, id)
	t.lines++
	for _, to := range t.tables {
		if err := to.Keep(len(l.Bytes)); err != nil {
			return verdict{}, err
		}
	}
	return verdict{}, nil
}

// dropped forgets the rows of a line at which a view failed.
func (t *typeLines) dropped(err error) (verdict, error) {
	t.drop()
	if reason, ok := rows.Reason(err); ok {
		return refusal(reason), nil
	}
	return verdict{}, err
}

func (t *typeLines) drop() {
	for i := range t.views {
		t.views[i].to.Drop()
	}
}

// writeIndex adds the line's row of table.Index, and of table.Resource when no
// view covers the type.
func (w *resourceLines) writeIndex(t *typeLines, l ndjson.Line, id []byte) {
	updated := t.runner.LastUpdated()
	at, known := rows.ParseTime(updated)
	if known {
		w.newest = max(w.newest, at)
	}
	partial := t.runner.Tagged(observationValue, subsetted)
	if partial {
		w.subsetted++
	}
	hash := xxhash.Sum64(l.Bytes) ^ t.shape
	if t.salt != nil {
		hash ^= t.salt(t.key)
	}
	c := w.index.Columns()
	c[0].(*columnar.Const).Append()
	c[1].(*columnar.Text).Append(t.name)
	c[2].(*columnar.Text).Append(id)
	c[3].(*columnar.Int64).AppendIf(at, known)
	c[4].(*columnar.Int64).Append(int64(hash))
	c[5].(*columnar.Bool).Append(partial)
	c[6].(*columnar.Text).Append(w.file)
	c[7].(*columnar.Int64).Append(l.Number)
	if t.other == nil {
		return
	}
	c = t.other.Columns()
	c[0].(*columnar.Const).Append()
	c[1].(*columnar.Text).Append(t.name)
	c[2].(*columnar.Text).Append(id)
	c[3].(*columnar.Text).Append(t.key)
	if updated == nil {
		c[4].Null()
	} else {
		c[4].(*columnar.Text).Append(updated)
	}
	c[5].(*columnar.Int64).AppendIf(at, known)
	c[6].(*columnar.Text).Append(l.Bytes) // I10: as it was sent
	c[7].(*columnar.Text).Append(w.file)
	c[8].(*columnar.Int64).Append(l.Number)
}

func (w *resourceLines) report(t *tally) {
	t.latest = max(t.latest, w.newest)
	t.subsetted += w.subsetted
	t.outcomeLines += w.outcomeLines
	t.withheld += w.withdrawn
	addAll(t.issues, w.outcomes.counts)
	for name, of := range w.types {
		t.judged.Add(name, of.judge)
		if of.lines == 0 && !t.judged.Any(name) {
			continue
		}
		t.types[name] += of.lines
		if w.framing == nil && name != w.declared {
			t.mismatched += of.lines
		}
	}
}

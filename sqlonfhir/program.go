package sqlonfhir

// MaxRows is the most rows that one view may give for one resource; beyond it
// Rows returns an [*EvalError].
const MaxRows = 1 << 20

// A Program is the compiled form of all views of one resource type. It is
// immutable and safe for concurrent use.
type Program struct {
	views []*View
}

// Compile makes one program of views that all have the same Resource. Without
// views the program gives only the resource's type, id and last update. The
// error is a [*DefinitionError].
func Compile(views ...*View) (*Program, error) {
	return &Program{views: views}, nil
}

// Views returns the views in the order that [Runner.Rows] numbers them.
func (p *Program) Views() []*View { return p.views }

// NewRunner returns a runner for one goroutine.
func (p *Program) NewRunner() *Runner { return &Runner{} }

// A Runner evaluates a program over one resource at a time. It is not safe for
// concurrent use.
type Runner struct{}

// Load reads one resource: one JSON text without a byte order mark. The error
// is a [*tape.SyntaxError]; after an error the runner holds no resource. A
// text that is not an object loads, and has no resource type. The runner keeps
// line until the next Load, and line must not change until then.
func (r *Runner) Load(line []byte) error { return nil }

// ResourceType returns the resource's resourceType; nil when it is absent or
// not a string. It is valid until the next Load.
func (r *Runner) ResourceType() []byte { return nil }

// ID returns the resource's id; nil when it is absent or not a string. An
// empty string gives an empty slice that is not nil. It is valid until the
// next Load.
func (r *Runner) ID() []byte { return nil }

// LastUpdated returns meta.lastUpdated as it was sent; nil when it is absent
// or not a string. It is valid until the next Load.
func (r *Runner) LastUpdated() []byte { return nil }

// Rows evaluates the view with that number over the loaded resource and calls
// emit for each row. A resource of another type than the views' gives no rows,
// nor does one that the view's where refuses. The row has one value for each
// of the view's columns; the slice is reused for the next row, its values are
// valid until the next Load. An error of emit ends the evaluation and is
// returned as it is; every other error is an [*EvalError], perhaps after some
// rows.
func (r *Runner) Rows(view int, emit func(row []Value) error) error { return nil }

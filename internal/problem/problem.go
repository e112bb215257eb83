// Package problem is how Bulkhead tells a person that something went wrong:
// what happened, to which practice, and what to do next.
//
// A problem is made where the cause is understood, wrapped on the way up, and
// rendered once, by the command, the API or a page. Its texts never hold a
// secret, a token, a URL's query, or anything from a patient's record.
package problem

import (
	"errors"
	"fmt"
	"strings"
)

// A Problem is a failure with a way out.
type Problem struct {
	Code    Code   // stable; explained in docs/problems.md
	Tenant  string // whose export is affected; empty when it is not about one
	Summary string // what happened, for the operator
	Remedy  string // what to do next, as an imperative sentence
	Err     error  // the cause, or nil; it follows the same rules as Summary
}

// New returns a problem without a cause. The summary and the remedy are whole
// sentences without a final full stop in the summary.
func New(code Code, summary, remedy string) *Problem {
	return &Problem{Code: code, Summary: summary, Remedy: remedy}
}

// Wrap returns a problem that err caused. A nil err gives a problem too.
func Wrap(err error, code Code, summary, remedy string) *Problem {
	return &Problem{Code: code, Summary: summary, Remedy: remedy, Err: err}
}

// ErrAsked is the cause of a problem that lies in what was asked for.
var ErrAsked = errors.New("it cannot be read")

// Asked returns the problem Usage of what was asked for, and not of how things
// stand: asked again in the same way, it would be refused again.
func Asked(summary, remedy string) *Problem { return Wrap(ErrAsked, Usage, summary, remedy) }

// For returns a copy of p that names the tenant.
func (p *Problem) For(tenant string) *Problem {
	q := *p
	q.Tenant = tenant
	return &q
}

// Error gives tenant, summary and cause on one line.
func (p *Problem) Error() string {
	var b strings.Builder
	if p.Tenant != "" {
		fmt.Fprintf(&b, "tenant %s: ", p.Tenant)
	}
	b.WriteString(p.Summary)
	if p.Err != nil {
		fmt.Fprintf(&b, ": %v", p.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Of returns the problem that err carries, or one that says we could not say
// better. It returns nil for a nil err.
func Of(err error) *Problem {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return Wrap(err, Internal, "something failed that bulkhead does not explain yet",
		"Run the command again; if it fails the same way, report it with this text: it is a bug in bulkhead.")
}

package page

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A Failure is what people and programs are told of what did not work.
type Failure struct {
	Status          int // of HTTP
	Tenant          string
	Summary, Remedy string
	Code            problem.Code // empty where the status says it all
}

// A refusal is why a request is not served that is no fault of ours.
type refusal struct {
	status       int
	says, remedy string
}

func (r *refusal) Error() string { return r.says }

// Refusal makes an error of a request that is not served: how it is answered, and
// what whoever asked can do.
func Refusal(status int, says, remedy string) error { return &refusal{status, says, remedy} }

// statuses are those of problems that are not faults of ours.
var statuses = map[problem.Code]int{
	problem.TenantUnknown:    http.StatusNotFound,
	problem.Usage:            http.StatusConflict,
	problem.AgreementDenied:  http.StatusForbidden,
	problem.AgreementMissing: http.StatusForbidden,
	problem.IdentityProvider: http.StatusBadGateway,
	problem.SignInRefused:    http.StatusForbidden,
	problem.ConfigInvalid:    http.StatusUnprocessableEntity,
	problem.RequestInvalid:   http.StatusUnprocessableEntity,
	problem.LedgerLocked:     http.StatusServiceUnavailable,
}

// FailureOf words an error for a person. What is no problem, no refusal and no
// decision about access is a fault of ours, of which the log has the text.
func FailureOf(err error) Failure {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return failureOf(p, errors.Is(err, problem.ErrAsked))
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return Failure{Status: r.status, Summary: Sentence(err), Remedy: r.remedy}
	}
	f := Failure{Summary: Sentence(err)}
	_, tooLong := errors.AsType[*http.MaxBytesError](err)
	switch {
	case errors.Is(err, access.ErrNotFound):
		f.Status, f.Remedy = http.StatusNotFound, "Check the address; or ask an admin for a role in the practice that you look for."
	case errors.Is(err, access.ErrForbidden):
		f.Status, f.Remedy = http.StatusForbidden, "Ask an admin for a role that allows it."
	case errors.Is(err, access.ErrNobody):
		f.Status, f.Remedy = http.StatusUnauthorized, "Sign in, or bring a token as Authorization: Bearer."
	case tooLong:
		f = Failure{Status: http.StatusRequestEntityTooLarge, Summary: "What was sent is too long.", Remedy: "Send less than 64 kB."}
	default:
		f = Failure{
			Status: http.StatusInternalServerError, Code: problem.Internal,
			Summary: "Bulkhead met something that it does not explain yet.", Remedy: "Try again; then look at the log, which has the reason.",
		}
	}
	return f
}

// failureOf words a problem; asked says that it lies in what was asked for.
func failureOf(p *problem.Problem, asked bool) Failure {
	f := Failure{Status: http.StatusInternalServerError, Tenant: p.Tenant, Summary: Sentence(errors.New(p.Summary)), Remedy: p.Remedy, Code: p.Code}
	if code, ok := statuses[p.Code]; ok {
		f.Status = code
	}
	if asked {
		f.Status = http.StatusUnprocessableEntity
	}
	if f.Code == problem.TenantUnknown { // for who runs bulkhead it names all practices (I7)
		f.Remedy = "Name a practice that you may see; ask who runs bulkhead whether this one is still configured."
	}
	return f
}

// Sentence begins an error's text with a capital letter and ends it with a full
// stop.
func Sentence(err error) string {
	text := strings.TrimSpace(strings.ReplaceAll(err.Error(), "\n", "; "))
	first, n := utf8.DecodeRuneInString(text)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[n:], ".") + "."
}

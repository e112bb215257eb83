package cli

import (
	"errors"
	"syscall"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// machine says what a person can do about trouble of the machine that passes
// for those who can wait, and that ended a command which cannot. It returns
// every other error as it is.
func machine(err error) error {
	if _, explained := errors.AsType[*problem.Problem](err); explained {
		return err
	}
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return problem.Wrap(err, problem.StorageUnwritable, "no more files can be opened",
			"Raise the limit of open files (ulimit -n, or LimitNOFILE= of the unit), or close what has so many open; then run the command again. Nothing is lost.")
	case store.Busy(err):
		return problem.Wrap(err, problem.LedgerLocked, "another program has kept the ledger locked for more than ten seconds",
			"Close the program that has ledger.db open (a database shell, a copy tool); then run the command again. Nothing is lost.")
	}
	return atrest.Explain(err)
}

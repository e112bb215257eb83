package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// explain says what the operator must do about err when it is about the
// machine's storage, and otherwise names the operation.
func explain(err error, operation string) error {
	_, told := errors.AsType[*problem.Problem](err)
	switch {
	case told:
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return problem.Wrap(err, problem.StorageFull, "no space is left in the storage folder",
			"Free space on the disk of the state folder, or move the folder to a larger disk; then resume with bulkhead export --resume. Nothing is lost.")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EROFS),
		errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		return problem.Wrap(err, problem.StorageUnwritable, "the storage folder cannot be used",
			"Check that the storage folder is there, on a disk that can be written, and that it belongs to the user who runs bulkhead.")
	case errors.Is(err, errLink):
		return problem.Wrap(err, problem.StorageDamaged, "a folder of a practice's files is a link to another place",
			"Find out who made the link in the folder files of the state folder, and remove it: what it leads to may be another practice's, and nothing was done there.")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", operation, fs.ErrNotExist)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// noPath is the problem of a system on which what is encrypted can be given to
// no sink.
func noPath(err error) error {
	return problem.Wrap(err, problem.StorageUnwritable, "this system has no files without a name, through which sinks read what is encrypted",
		"Run bulkhead on Linux with /proc mounted, or without `encryption` on a disk that is encrypted.")
}

package atrest

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func unwritable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return problem.Wrap(err, problem.StorageFull, "no space is left for the practices' keys", "Free space on the disk of the state folder, then try again. Nothing is lost.")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return problem.Wrap(err, problem.StorageUnwritable, "the folder of the practices' keys cannot be written",
			"Check that the folder keys of the state folder can be written, and that it belongs to the user who runs bulkhead.")
	}
	return fmt.Errorf("change the practice's keys: %w", err)
}

func damagedKeys(tenant string, err error) error {
	return problem.Wrap(err, problem.StorageDamaged, "the file of the practice's keys cannot be understood",
		"Put the copy of the file keys/"+tenant+".json back that you keep beside your backups. Without it what is encrypted cannot be opened: bulkhead encryption shred "+tenant+", bulkhead encryption rotate "+tenant+", and export the practice again with --full.").For(tenant)
}

func lost(tenant string) error {
	return problem.New(problem.PracticeKeyMissing, "the practice's keys are not in the folder of keys, and it had some",
		"Put the file keys/"+tenant+".json back from a copy of the state folder; nothing is lost then. If there is none, what is encrypted cannot be opened any more: bulkhead encryption shred "+tenant+", bulkhead encryption rotate "+tenant+", and export the practice again with --full.").For(tenant)
}

func destroyed(tenant string) error {
	return problem.New(problem.PracticeKeyDestroyed, "the practice's keys were destroyed: what they encrypted cannot be opened by anybody",
		"To keep records of this practice again, give it a new key with bulkhead encryption rotate "+tenant+".").For(tenant)
}

func unknownKey(tenant string, id uint32) error {
	return problem.New(problem.PracticeKeyMissing, fmt.Sprintf("a file was encrypted with key %d of the practice, which is not in its key file", id),
		"Put the newest copy of keys/"+tenant+".json back: the one in its place is older than the file. If key "+fmt.Sprint(id)+" was destroyed, the file cannot be opened any more.").For(tenant)
}

func damagedFile(tenant string, err error) error {
	return problem.Wrap(err, problem.StorageDamaged, "an encrypted file is not what was stored: it was cut, changed or moved",
		"Put the file back where it was, or look at the disk and run bulkhead doctor --deep.").For(tenant)
}

// off is the problem of a file that is encrypted where nothing can open it.
func off(tenant string) error {
	return problem.New(problem.EncryptionOff, "what is kept of the practice is encrypted, and the configuration names no house key",
		"Name the house key under `encryption` again, then resume with bulkhead export "+tenant+" --resume. Nothing is lost.").For(tenant)
}

func damagedWord(tenant string) error {
	return problem.New(problem.StorageDamaged, "the id of a patient in the ledger is not what was stored: it was cut, changed or moved",
		"Look at the ledger with bulkhead doctor; then export the practice with --full, which brings everything anew.").For(tenant)
}

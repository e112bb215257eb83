package store

import (
	"errors"
	"os"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Holder gives the id of the process that holds the ledger at path; held is
// false when nobody does.
func Holder(path string) (process string, held bool) {
	if !Held(path) {
		return "", false
	}
	text, err := os.ReadFile(path + ".lock")
	if err != nil {
		return "", false // it went away meanwhile
	}
	return strings.TrimSpace(string(text)), true
}

// Busy reports whether err says that another program had the ledger locked for
// longer than a write waits, which is ten seconds.
func Busy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// openNothing gives why no file at all can be opened, such as a process that has
// as many open as it may; nil when one can.
func openNothing() error {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	return f.Close()
}

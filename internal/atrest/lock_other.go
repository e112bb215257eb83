//go:build !unix || solaris

package atrest

import "os"

// lockWhole holds nobody off where files cannot be locked: keys are then
// changed by one command at a time.
func lockWhole(*os.File) error { return nil }

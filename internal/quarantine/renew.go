package quarantine

import (
	"context"
	"fmt"
)

// Renewed says what became of the entries of a Selection that were taken again.
type Renewed struct {
	Taken     int64            // entries of the selection
	Again     int64            // of them, those refused again
	Remaining map[string]int64 // what is in quarantine now, by reason; those not selected too
}

// Renew writes what is left of the quarantine of the selection's file: every
// entry that was not selected, and those that were refused again, with their
// new reasons, which stand in the quarantine that export by has of the file.
// The result takes that quarantine's place; the one it was made from stays.
func (s Selection) Renew(ctx context.Context, by string) (r Renewed, err error) {
	r.Remaining = map[string]int64{}
	again, reasons := map[int64]string{}, map[string]string{} // reasons are few: each is held once
	for e, err := range Entries(ctx, s.Scope, by, s.File) {
		if err != nil {
			return r, err
		}
		if _, known := reasons[e.Reason]; !known {
			reasons[e.Reason] = e.Reason
		}
		again[e.Line] = reasons[e.Reason]
	}
	w, err := NewWriter(ctx, s.Scope, by, s.File)
	if err != nil {
		return r, err
	}
	defer w.Close()
	for e, err := range Entries(ctx, s.Scope, s.Export, s.File) {
		if err != nil {
			return r, err
		}
		reason := e.Reason
		if Holds(e.Reason, s.Reason) {
			r.Taken++
			refused := false
			if reason, refused = again[e.Line]; !refused {
				continue
			}
			r.Again++
		}
		r.Remaining[reason]++
		if err := w.Copy(e, reason); err != nil {
			return r, err
		}
	}
	if r.Again != int64(len(again)) {
		return r, fmt.Errorf("renew quarantine: %d lines were refused again, %d of them are of the selection", len(again), r.Again)
	}
	_, err = w.Commit()
	return r, err
}

package export

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// kept leaves out the files of which a replay can make nothing any more, because
// what it needs was destroyed when its time was over, and says so: their refused
// lines, or the rows of a later export, which say whether a line is out of date.
func kept(ctx context.Context, ledger *store.Scope, x store.Export, files []store.File, why []string) ([]store.File, []string, error) {
	if len(files) == 0 {
		return files, why, nil
	}
	marks, err := ledger.Marks(ctx)
	if err != nil || len(marks) == 0 {
		return files, why, err
	}
	later, err := ledger.Later(ctx, x)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range later {
		if d, gone := marks.Of(l.ID, string(agreement.KindStaged)); gone {
			return nil, append(why, "the rows of the later export "+l.ID+", which say what is out of date, were destroyed on "+d.BegunAt.Format(time.DateOnly)), nil
		}
	}
	left := slices.DeleteFunc(slices.Clone(files), func(f store.File) bool {
		_, gone := marks.Of(Keeper(x.ID, f), string(agreement.KindQuarantine))
		return gone
	})
	if len(left) < len(files) {
		why = append(why, "refused lines were destroyed when their time was over; a full export brings the practice's records again")
	}
	return left, why, nil
}

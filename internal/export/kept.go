package export

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
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

// blind says why a replay cannot know what the agreement withholds of the export
// whose lines it takes again; empty when it can. A line may be the older form of
// one that is withheld and stays in quarantine: the export's own rows say so.
func (r Retake) blind(ctx context.Context, ledger *store.Scope, files []store.File) (string, error) {
	stays := false
	for _, f := range files {
		all, err := refusals(f)
		if err != nil {
			return "", err
		}
		for reason, n := range all {
			stays = stays || n > 0 && quarantine.Removes(reason) && !quarantine.Holds(reason, r.Reason)
		}
	}
	if !stays {
		return "", nil
	}
	gone, err := ledger.Disposed(ctx, r.Origin)
	if at, ok := gone[string(agreement.KindStaged)]; ok {
		return "its own rows, which say what the agreement withholds, were destroyed on " + at.Format(time.DateOnly), nil
	}
	return "", err
}

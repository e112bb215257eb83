package disposal

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// An Item is one thing of a listing: a file, or the rows of a table. Its name is
// one that we made.
type Item struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes,omitempty"` // as stored
	Lines  int64  `json:"lines,omitempty"`
	Rows   int64  `json:"rows,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // of the lines as received
}

// A place is one area of one export on its way out.
type place struct {
	files  *blob.Scope
	ledger *store.Scope
	Verdict
	ending int64 // of which it is a part; 0 for what its own clock takes
}

// area destroys one area of one export: what is there is written down first,
// with the decision; then it goes, file by file; then it is put on record. After
// a crash anywhere it goes on where it stood, without another decision.
func (k *Keeper) area(ctx context.Context, p place, w Wish, r *Result) error {
	if r.More = w.spent(); r.More {
		return nil
	}
	d, held, err := k.begin(ctx, p)
	if err != nil || held {
		return err
	}
	if err := k.at("begun"); err != nil {
		return err
	}
	if r.More, err = k.remove(ctx, p, w); err != nil || r.More {
		return err
	}
	if p.Area.Kind == agreement.KindHistory {
		if r.More, err = k.forget(ctx, p, w); err != nil || r.More {
			return err
		}
	}
	if err := k.at("removed"); err != nil {
		return err
	}
	err = p.ledger.Do(ctx, func(tx *store.Tx) error { _, err := tx.EndDisposal(d); return err })
	if err != nil {
		return err
	}
	r.Gone = append(r.Gone, p.Verdict)
	return k.at("ended")
}

// begin makes it durable that the area is about to go, unless its export has
// moved since it was looked at, or a replay has begun that may need it.
func (k *Keeper) begin(ctx context.Context, p place) (d store.Disposal, held bool, err error) {
	items, err := list(ctx, p)
	if err != nil {
		return d, false, err
	}
	d = store.Disposal{Export: p.Export.ID, Area: string(p.Area.Kind), Ending: p.ending, Rule: string(p.Rule)}
	for _, i := range items {
		d.Files, d.Bytes = d.Files+1, d.Bytes+i.Bytes
	}
	if p.ending == 0 {
		items = []Item{} // the ledger would grow by what it loses: what its files were as received, it knows
	}
	if d.Listing, err = json.Marshal(items); err != nil {
		return d, false, err
	}
	if p.Begun {
		return k.known(ctx, p, d)
	}
	err = p.ledger.Do(ctx, func(tx *store.Tx) error {
		x, err := tx.Export(p.Export.ID)
		if err != nil {
			return err
		}
		replays, err := tx.OpenReplays()
		if err != nil {
			return err
		}
		if held = x.State != p.Export.State || !x.State.Over() || replays > 0; held {
			return nil
		}
		if p.Area.Kind == agreement.KindAttachments {
			if _, err := tx.DropAttachmentsOf(x.ID); err != nil {
				return err
			}
		}
		_, err = tx.BeginDisposal(d)
		return err
	})
	return d, held, err
}

// known gives the disposal that was begun before, as it was written down then.
func (k *Keeper) known(ctx context.Context, p place, d store.Disposal) (store.Disposal, bool, error) {
	all, err := p.ledger.Disposals(ctx)
	i := slices.IndexFunc(all, func(o store.Disposal) bool {
		return o.Export == d.Export && o.Area == d.Area && o.EndedAt.IsZero()
	})
	if err != nil || i < 0 { // another process has ended it
		return d, true, err
	}
	return all[i], false, nil
}

// remove deletes the files of the area. more is true when its time was over
// before.
func (k *Keeper) remove(ctx context.Context, p place, w Wish) (more bool, err error) {
	var keys []blob.Key
	for e, err := range p.files.List(ctx, p.Area.Files, p.Export.ID) {
		if err != nil {
			return false, err
		}
		keys = append(keys, e.Key)
	}
	for _, key := range keys {
		if w.spent() {
			return true, nil
		}
		if err := p.files.Delete(ctx, key); err != nil { // I7: the scope knows no other practice's files
			return false, err
		}
		if err := k.at("file removed"); err != nil {
			return false, err
		}
	}
	return false, nil
}

// portion is how many rows go in one transaction: others wait for it.
const portion = 1000

// forget removes the rows of an export's history.
func (k *Keeper) forget(ctx context.Context, p place, w Wish) (more bool, err error) {
	for more = true; more; {
		if w.spent() {
			return true, nil
		}
		err := p.ledger.Do(ctx, func(tx *store.Tx) (err error) { more, err = tx.DropHistory(p.Export.ID, portion); return err })
		if err != nil {
			return false, err
		}
		if err := k.at("rows removed"); err != nil {
			return false, err
		}
	}
	return false, nil
}

// list writes down what is in an area, with what the ledger knows of it.
func list(ctx context.Context, p place) ([]Item, error) {
	files, err := p.ledger.Files(ctx, p.Export.ID)
	if err != nil {
		return nil, err
	}
	parts, err := p.ledger.Parts(ctx, p.Export.ID)
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	for _, part := range parts {
		rows[part.Key] = part.Rows
	}
	items := []Item{}
	for e, err := range p.files.List(ctx, p.Area.Files, p.Export.ID) {
		if err != nil {
			return nil, err
		}
		items = append(items, p.item(e, files, rows))
	}
	if p.Area.Kind != agreement.KindHistory {
		return items, nil
	}
	events, logged, err := p.ledger.HistoryOf(ctx, p.Export.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range []Item{{Name: "event", Rows: events}, {Name: "export_log", Rows: logged}} {
		if t.Rows > 0 {
			items = append(items, t)
		}
	}
	return items, nil
}

// item describes a stored file.
func (p place) item(e blob.Entry, files []store.File, rows map[string]int64) Item {
	prefix := fmt.Sprintf("%s/%s/%s/", p.Area.Files, p.files.Tenant(), p.Export.ID)
	item := Item{Name: strings.TrimPrefix(string(e.Key), prefix), Bytes: e.Stored, Rows: rows[string(e.Key)]}
	name, _, _ := strings.Cut(path.Base(item.Name), ".")
	for _, f := range files {
		switch {
		case f.Name != name:
		case p.Area.Kind == agreement.KindRaw:
			item.Lines, item.SHA256 = f.Lines, f.SHA256
		case p.Area.Kind == agreement.KindQuarantine && f.QuarantineOf == "":
			item.Lines = f.Quarantined
		}
	}
	return item
}

package look

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A RefusedPractice is what is in quarantine of one practice.
type RefusedPractice struct {
	Tenant  string    `json:"tenant"`
	Name    string    `json:"name"`
	Lines   int64     `json:"lines"`
	Files   int64     `json:"files"`
	Exports int64     `json:"exports"`
	Latest  time.Time `json:"latest" doc:"When the last of them was refused."`
	Share   float64   `json:"last_share" doc:"Of the lines of its last delivery, from 0 to 1; -1 when it is not counted yet."`
}

// RefusedPractices gives the practices that have refused lines and that who
// asks may see, those with the most first.
func (rd *Reader) RefusedPractices(ctx context.Context) ([]RefusedPractice, error) {
	totals, err := rd.Store.RefusedByTenant(ctx)
	if err != nil {
		return nil, err
	}
	names, err := rd.Names(ctx)
	if err != nil {
		return nil, err
	}
	judged, err := rd.Store.LastJudged(ctx)
	if err != nil {
		return nil, err
	}
	last := make(map[string]store.Judged, len(judged))
	for _, j := range judged {
		last[j.Tenant] = j
	}
	list, actor := []RefusedPractice{}, access.ActorOf(ctx)
	for _, t := range totals {
		if !actor.May(access.See, t.Tenant) {
			continue
		}
		p := RefusedPractice{Tenant: t.Tenant, Name: cmp.Or(names[t.Tenant], t.Tenant), Lines: t.Lines, Files: t.Files, Exports: t.Exports, Latest: t.Latest, Share: -1}
		if j, ok := last[t.Tenant]; ok {
			p.Share = Share(j.Refused, j.Lines)
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b RefusedPractice) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Tenant, b.Tenant))
	})
	return list, nil
}

// Share gives a part of all, of one; of nothing it is nothing.
func Share(part, all int64) float64 { return float64(part) / float64(max(all, 1)) }

// A RefusedReason is what is refused for one reason, and what it means.
type RefusedReason struct {
	Reason  string `json:"reason"`
	Lines   int64  `json:"lines"`
	Means   string `json:"means"`
	Example string `json:"example" doc:"Invented."`
	Who     string `json:"who_must_act"`
	Do      string `json:"remedy"`
	Replay  bool   `json:"replay_can_help"`
}

// A RefusedFile is what is refused of one output file.
type RefusedFile struct {
	File    string          `json:"file"`
	Type    string          `json:"type"`
	Section string          `json:"section" enum:"output,deleted,error"`
	Lines   int64           `json:"lines"`
	Of      int64           `json:"of" doc:"Lines of the file."`
	Reasons []RefusedReason `json:"reasons"`
	At      time.Time       `json:"refused_at"`
}

// A RefusedExport is what is refused of one export.
type RefusedExport struct {
	Export    string          `json:"export"`
	Asked     time.Time       `json:"requested_at"`
	Mode      string          `json:"mode" enum:"full,incremental"`
	Completed bool            `json:"completed"`
	Lines     int64           `json:"lines"`
	InFiles   int64           `json:"files_with_refused_lines"`
	Reasons   []RefusedReason `json:"reasons" doc:"Of the files listed."`
	Files     []RefusedFile   `json:"files" doc:"Those with the most refused lines."`
	Needless  string          `json:"superseded_by,omitempty" doc:"The later full export that brought everything of every type of these files anew."`
}

// CanReplay reports whether taking the lines again can help.
func (x RefusedExport) CanReplay() bool {
	return x.Completed && slices.ContainsFunc(x.Reasons, func(r RefusedReason) bool { return r.Replay })
}

const (
	refusedExportsShown = 10
	refusedFilesShown   = 25
)

// RefusedExports gives a page of a practice's exports that have refused lines,
// and behind which export the next page begins.
func (rd *Reader) RefusedExports(ctx context.Context, tenant, only, reason, before string) ([]RefusedExport, string, error) {
	in, older := rd.Store.In(tenant), ""
	totals := []store.RefusedTotals{{Export: only}}
	if only == "" {
		var err error
		if totals, err = in.RefusedExports(ctx, before, refusedExportsShown+1); err != nil {
			return nil, "", err
		}
		if len(totals) > refusedExportsShown {
			totals = totals[:refusedExportsShown]
			older = totals[refusedExportsShown-1].Export
		}
	}
	fulls, err := wholes(ctx, in)
	if err != nil {
		return nil, "", err
	}
	list := []RefusedExport{}
	for _, t := range totals {
		x, err := rd.Export(ctx, tenant, t.Export)
		if err != nil {
			return nil, "", err
		}
		one, err := refusedIn(ctx, in, x, reason)
		if err != nil {
			return nil, "", err
		}
		if t.Lines > 0 {
			one.Lines, one.InFiles = t.Lines, t.Files
		}
		if one.Needless = needless(x, one.Files, fulls); len(one.Files) > 0 {
			list = append(list, one)
		}
	}
	return list, older, nil
}

// refusedIn gives what is refused of an export, for a reason or its family.
func refusedIn(ctx context.Context, in *store.Scope, x store.Export, reason string) (RefusedExport, error) {
	one := RefusedExport{Export: x.ID, Asked: x.RequestedAt, Mode: x.Mode, Completed: x.State == "completed"}
	files, err := in.RefusedFiles(ctx, x.ID, refusedFilesShown)
	if err != nil {
		return one, err
	}
	all := map[string]int64{}
	for _, f := range files {
		counts, err := reasonsIn(f)
		if err != nil {
			return one, err
		}
		shown := RefusedFile{File: f.Name, Type: f.ResourceType, Section: f.Section, Lines: f.Quarantined, Of: f.Lines, At: f.IngestedAt}
		for _, r := range Explained(counts) {
			if quarantine.Holds(r.Reason, reason) {
				shown.Reasons = append(shown.Reasons, r)
				all[r.Reason] += r.Lines
			}
		}
		one.Lines, one.InFiles = one.Lines+f.Quarantined, one.InFiles+1
		if len(shown.Reasons) > 0 {
			one.Files = append(one.Files, shown)
		}
	}
	one.Reasons = Explained(all)
	return one, nil
}

// A wholeExport is a full export that brought everything of some types.
type wholeExport struct {
	store.Export
	types []string
}

// wholesLooked is how many full exports are looked at for what they have made
// needless.
const wholesLooked = 2

// wholes gives the practice's last full exports that brought everything of
// their types, the latest first.
func wholes(ctx context.Context, in *store.Scope) (list []wholeExport, err error) {
	fulls, err := in.LastFulls(ctx, wholesLooked)
	if err != nil {
		return nil, err
	}
	for _, x := range fulls {
		if x.Since != "" || x.ServerErrors > 0 || !x.Plain() {
			continue
		}
		types, err := in.TypesBrought(ctx, x.ID)
		if err != nil {
			return nil, err
		}
		list = append(list, wholeExport{x, types})
	}
	return list, nil
}

// needless gives the full export that has made all of an export's refused files
// needless: it was asked for later, of the same patients, and brought their
// types. Empty when none has.
func needless(x store.Export, files []RefusedFile, fulls []wholeExport) string {
	for _, l := range fulls {
		later := l.RequestedAt.After(x.RequestedAt) && l.Endpoint == x.Endpoint && l.Level == x.Level && l.Group == x.Group
		if later && !slices.ContainsFunc(files, func(f RefusedFile) bool { return f.Section != "output" || !slices.Contains(l.types, f.Type) }) {
			return l.ID
		}
	}
	return ""
}

// reasonsIn counts the lines of a file that are in quarantine, by reason.
func reasonsIn(f store.File) (map[string]int64, error) {
	var s struct {
		ByReason map[string]int64 `json:"by_reason"`
	}
	if len(f.Summary) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(f.Summary, &s); err != nil {
		return nil, fmt.Errorf("read the summary of %s: %w", f.Name, err)
	}
	return s.ByReason, nil
}

// Explained gives reasons with what they mean, the most frequent first.
func Explained(counts map[string]int64) []RefusedReason {
	list := []RefusedReason{}
	for reason, n := range counts {
		if n == 0 {
			continue
		}
		m := quarantine.Explain(reason)
		list = append(list, RefusedReason{Reason: reason, Lines: n, Means: m.Means, Example: m.Example, Who: m.Who, Do: strings.ReplaceAll(m.Do, "`", ""), Replay: m.Replay})
	}
	slices.SortFunc(list, func(a, b RefusedReason) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

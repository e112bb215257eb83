package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A refusedPractice is what is in quarantine of one practice.
type refusedPractice struct {
	Tenant  string    `json:"tenant"`
	Name    string    `json:"name"`
	Lines   int64     `json:"lines"`
	Files   int64     `json:"files"`
	Exports int64     `json:"exports"`
	Latest  time.Time `json:"latest" doc:"When the last of them was refused."`
	Share   float64   `json:"last_share" doc:"Of the lines of its last delivery, from 0 to 1; -1 when it is not counted yet."`
}

// Percent is the share of the last delivery in words.
func (p refusedPractice) Percent() string { return percent(p.Share) }

func percent(share float64) string {
	switch {
	case share < 0:
		return "–"
	case share > 0 && share < 0.0005:
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

func (s *Server) refusedPage(w http.ResponseWriter, r *http.Request) error {
	list, err := s.refusedPractices(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "refused", list)
}

// refusedPractices gives the practices that have refused lines and that who
// asks may see, those with the most first.
func (s *Server) refusedPractices(ctx context.Context) ([]refusedPractice, error) {
	totals, err := s.opts.Store.RefusedByTenant(ctx)
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	judged, err := s.opts.Store.LastJudged(ctx)
	if err != nil {
		return nil, err
	}
	last := make(map[string]store.Judged, len(judged))
	for _, j := range judged {
		last[j.Tenant] = j
	}
	list, actor := []refusedPractice{}, actorOf(ctx)
	for _, t := range totals {
		if !actor.May(access.See, t.Tenant) {
			continue
		}
		p := refusedPractice{Tenant: t.Tenant, Name: cmp.Or(names[t.Tenant], t.Tenant), Lines: t.Lines, Files: t.Files, Exports: t.Exports, Latest: t.Latest, Share: -1}
		if j, ok := last[t.Tenant]; ok {
			p.Share = shareOf(j.Refused, j.Lines)
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b refusedPractice) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Tenant, b.Tenant))
	})
	return list, nil
}

func shareOf(part, all int64) float64 { return float64(part) / float64(max(all, 1)) }

// A refusedReason is what is refused for one reason, and what it means.
type refusedReason struct {
	Reason  string `json:"reason"`
	Lines   int64  `json:"lines"`
	Means   string `json:"means"`
	Example string `json:"example" doc:"Invented."`
	Who     string `json:"who_must_act"`
	Do      string `json:"remedy"`
	Replay  bool   `json:"replay_can_help"`
}

// A refusedFile is what is refused of one output file.
type refusedFile struct {
	File    string          `json:"file"`
	Type    string          `json:"type"`
	Section string          `json:"section" enum:"output,deleted,error"`
	Lines   int64           `json:"lines"`
	Of      int64           `json:"of" doc:"Lines of the file."`
	Reasons []refusedReason `json:"reasons"`
	At      time.Time       `json:"refused_at"`
}

// A refusedExport is what is refused of one export.
type refusedExport struct {
	Export    string          `json:"export"`
	Asked     time.Time       `json:"requested_at"`
	Mode      string          `json:"mode" enum:"full,incremental"`
	Completed bool            `json:"completed"`
	Lines     int64           `json:"lines"`
	InFiles   int64           `json:"files_with_refused_lines"`
	Reasons   []refusedReason `json:"reasons" doc:"Of the files listed."`
	Files     []refusedFile   `json:"files" doc:"Those with the most refused lines."`
	Needless  string          `json:"superseded_by,omitempty" doc:"The later full export that brought everything of every type of these files anew."`
}

// CanReplay reports whether taking the lines again can help.
func (x refusedExport) CanReplay() bool {
	return x.Completed && slices.ContainsFunc(x.Reasons, func(r refusedReason) bool { return r.Replay })
}

const (
	refusedExportsShown = 10
	refusedFilesShown   = 25
)

// quarantined is what the page of a practice's refused lines shows.
type quarantined struct {
	Tenant, Name string
	Only         string // one export; empty: all
	Reason       string // only files with lines refused for it, or for its family
	Exports      []refusedExport
	Reasons      []refusedReason // of all exports shown
	Older        string          // the export behind which the next page begins; empty: there is none
	Over         []column
	OverFrom     time.Time
	OverTo       time.Time
	Most         string // the largest share of the columns
}

func (s *Server) quarantinePage(w http.ResponseWriter, r *http.Request) error {
	q := quarantined{Tenant: r.PathValue("tenant"), Only: r.FormValue("export"), Reason: r.FormValue("reason")}
	names, err := s.names(r.Context())
	if err != nil {
		return err
	}
	q.Name = cmp.Or(names[q.Tenant], q.Tenant)
	if q.Exports, q.Older, err = s.refusedExports(r.Context(), q.Tenant, q.Only, q.Reason, r.FormValue("before")); err != nil {
		return err
	}
	all := map[string]int64{}
	for _, x := range q.Exports {
		for _, r := range x.Reasons {
			all[r.Reason] += r.Lines
		}
	}
	q.Reasons = explained(all)
	if err := s.fillRefusedOver(r.Context(), &q); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "quarantine", q)
}

// overTime is how many deliveries charts over time look back on.
const overTime = 60

// fillRefusedOver draws the share of refused lines of the last deliveries.
func (s *Server) fillRefusedOver(ctx context.Context, q *quarantined) error {
	judged, err := s.opts.Store.In(q.Tenant).JudgedOverTime(ctx, overTime)
	if err != nil || len(judged) < 2 {
		return err
	}
	shares, most := make([]float64, len(judged)), 0.0
	for i, j := range judged {
		shares[i] = shareOf(j.Refused, j.Lines)
		most = max(most, shares[i])
	}
	limit := float64(s.opts.Config().Alerts.RefusedPercent) / 100
	q.Over = columnsOf(shares, limit/10, func(i int) (class, text string) {
		class = "good"
		if shares[i] > limit {
			class = "bad"
		}
		return class, judged[i].EndedAt.Format("2006-01-02 15:04") + ": " + count(judged[i].Refused) + " of " + count(judged[i].Lines) + " lines"
	})
	q.OverFrom, q.OverTo, q.Most = judged[0].EndedAt, judged[len(judged)-1].EndedAt, percent(max(most, limit/10))
	return nil
}

// refusedExports gives a page of a practice's exports that have refused lines,
// and behind which export the next page begins.
func (s *Server) refusedExports(ctx context.Context, tenant, only, reason, before string) ([]refusedExport, string, error) {
	in, older := s.opts.Store.In(tenant), ""
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
	list := []refusedExport{}
	for _, t := range totals {
		x, err := s.exportOf(ctx, tenant, t.Export)
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
func refusedIn(ctx context.Context, in *store.Scope, x store.Export, reason string) (refusedExport, error) {
	one := refusedExport{Export: x.ID, Asked: x.RequestedAt, Mode: x.Mode, Completed: x.State == "completed"}
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
		shown := refusedFile{File: f.Name, Type: f.ResourceType, Section: f.Section, Lines: f.Quarantined, Of: f.Lines, At: f.IngestedAt}
		for _, r := range explained(counts) {
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
	one.Reasons = explained(all)
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
func needless(x store.Export, files []refusedFile, fulls []wholeExport) string {
	for _, l := range fulls {
		later := l.RequestedAt.After(x.RequestedAt) && l.Endpoint == x.Endpoint && l.Level == x.Level && l.Group == x.Group
		if later && !slices.ContainsFunc(files, func(f refusedFile) bool { return f.Section != "output" || !slices.Contains(l.types, f.Type) }) {
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

// explained gives reasons with what they mean, the most frequent first.
func explained(counts map[string]int64) []refusedReason {
	list := []refusedReason{}
	for reason, n := range counts {
		if n == 0 {
			continue
		}
		m := quarantine.Explain(reason)
		list = append(list, refusedReason{Reason: reason, Lines: n, Means: m.Means, Example: m.Example, Who: m.Who, Do: strings.ReplaceAll(m.Do, "`", ""), Replay: m.Replay})
	}
	slices.SortFunc(list, func(a, b refusedReason) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

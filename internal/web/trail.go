package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A trailSearch is what somebody looks for in the record.
type trailSearch struct {
	Chain, Actor, Action, Since, Until string
	Below                              int64

	since, until time.Time
}

// searchOf reads a search; what cannot be read is the problem Usage.
func searchOf(form url.Values) (t trailSearch, err error) {
	get := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	t = trailSearch{Chain: get("chain"), Actor: get("actor"), Action: get("action"), Since: get("since"), Until: get("until"), Below: max(whole(get("below"), 0), 0)}
	if t.since, err = dayOf(t.Since); err != nil {
		return t, err
	}
	if t.until, err = dayOf(t.Until); err == nil && len(t.Until) == len(time.DateOnly) {
		t.until = t.until.AddDate(0, 0, 1) // the whole of that day
	}
	return t, err
}

// dayOf reads a date or an instant, in UTC; the zero time of nothing.
func dayOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04"} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, problem.Asked("a time cannot be read", "Give a date such as 2026-01-31, or an instant such as 2026-01-31T08:00:00Z.")
}

// asked is the search as the ledger is asked.
func (t trailSearch) asked() look.TrailSearch {
	return look.TrailSearch{Chain: t.Chain, Actor: t.Actor, Action: t.Action, Since: t.since, Until: t.until, Below: t.Below}
}

// query is the search as the query of a URL, without its cursor.
func (t trailSearch) query() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"chain": t.Chain, "actor": t.Actor, "action": t.Action, "since": t.Since, "until": t.Until} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// Older is the query with which to look further back.
func (t trailSearch) Older(below int64) string {
	v := t.query()
	v.Set("below", strconv.FormatInt(below, 10))
	return v.Encode()
}

// chosenChain gives the chain that a form names, if who asks may examine it.
func (s *Server) chosenChain(r *http.Request) (string, error) {
	name := r.FormValue("chain")
	if name == "" {
		return "", problem.Asked("no chain of the record is named", "Name a practice, or house.")
	}
	chains, err := s.look.Examined(r.Context(), name)
	if err != nil {
		return "", err
	}
	return chains[0], nil
}

// trail is what the page of the record shows.
type trail struct {
	Search trailSearch
	Found  store.Found
	Chains []store.Chain // those that nobody looked over for longest
	All    []string      // the practices whose chains there are
	Every  bool          // all chains are shown

	Count, Broken, Unreviewed int // chains
	Names                     map[string]string
	Actions                   []audit.Action
	House                     bool // who looks may examine the house's own chain
}

func (s *Server) trailPage(w http.ResponseWriter, r *http.Request) error {
	search, err := searchOf(r.URL.Query())
	if err != nil {
		return err
	}
	t := trail{Search: search, Actions: audit.Actions(), House: access.ActorOf(r.Context()).May(access.Examine, "")}
	if t.Found, err = s.look.SearchTrail(r.Context(), search.asked()); err != nil {
		return err
	}
	if t.Chains, err = s.look.Chains(r.Context()); err != nil {
		return err
	}
	t.Count = len(t.Chains)
	for _, c := range t.Chains {
		if c.Tenant != audit.House {
			t.All = append(t.All, c.Tenant)
		}
		if c.Verified.By != "" && !c.Whole {
			t.Broken++
		}
		if c.Reviewed.By == "" {
			t.Unreviewed++
		}
	}
	slices.Sort(t.All)
	if t.Every = r.FormValue("chains") == "all" || len(t.Chains) <= chainsShown; !t.Every {
		t.Chains = chosen(t.Chains, search.Chain)
	}
	if t.Names, err = s.look.Names(r.Context()); err != nil {
		return err
	}
	return s.pages.Show(w, r, http.StatusOK, "trail", t)
}

// chainsShown is how many chains the page lists.
const chainsShown = 12

// chosen gives the first chains, and the one that is looked for.
func chosen(all []store.Chain, chain string) []store.Chain {
	some := slices.Clone(all[:chainsShown])
	for _, c := range all[chainsShown:] {
		if cmp.Or(c.Tenant, look.HouseName) == chain {
			some = append([]store.Chain{c}, some...)
		}
	}
	return some
}

// verifyTrail walks one chain from its first row, and puts on record what came
// of it.
func (s *Server) verifyTrail(w http.ResponseWriter, r *http.Request) error {
	return s.lookOver(w, r, audit.RecordVerified)
}

// reviewTrail walks one chain and signs it up to its last row.
func (s *Server) reviewTrail(w http.ResponseWriter, r *http.Request) error {
	return s.lookOver(w, r, audit.RecordSigned)
}

func (s *Server) lookOver(w http.ResponseWriter, r *http.Request, act audit.Action) error {
	chain, err := s.chosenChain(r)
	if err != nil {
		return err
	}
	note := strings.TrimSpace(r.FormValue("note"))
	if len(note) > noteAtMost || note != audit.Line(note) {
		return problem.Asked("the note is longer than 300 characters, or not one line", "Say what you found in one short line that names no patient.").For(chain)
	}
	anchors, _, err := audit.ReadAnchors(s.opts.Anchors)
	if err != nil {
		return err
	}
	head, fault, err := s.opts.Store.AuditFaults(r.Context(), chain, anchors)
	if err != nil {
		return err
	}
	ev := audit.Event{Action: act, Reason: note, Facts: map[string]any{"up_to": head.Seq, "hash": head.Hash}}
	if fault != nil { // nobody signs what is broken
		ev.Action, ev.Outcome = audit.RecordVerified, audit.Failed
	}
	if err := s.opts.Store.Record(r.Context(), ev, chain); err != nil {
		return err
	}
	if fault != nil {
		return brokenTrail(*fault)
	}
	http.Redirect(w, r, "/audit?"+url.Values{"chain": {cmp.Or(chain, look.HouseName)}}.Encode(), http.StatusSeeOther)
	return nil
}

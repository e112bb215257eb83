package trigger

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Message is what a callee is sent, as JSON.
type Message struct {
	Type      string    `json:"type"`      // export. or request., and the state
	Timestamp time.Time `json:"timestamp"` // when it came to be
	Data      Told      `json:"data"`
}

// Told is what a Message says. It holds nothing of a patient.
type Told struct {
	Tenant          string     `json:"tenant"`
	Export          string     `json:"export,omitempty"`
	State           string     `json:"state"`
	Mode            string     `json:"mode"`
	Purpose         string     `json:"purpose,omitempty"`
	Request         int64      `json:"request,omitempty"`
	Reference       string     `json:"reference,omitempty"`
	RequestedBy     string     `json:"requested_by"`
	RequestedAt     time.Time  `json:"requested_at"`
	EndedAt         *time.Time `json:"ended_at,omitempty"`
	Since           string     `json:"since,omitempty"`
	TransactionTime string     `json:"transaction_time,omitempty"`
	Types           []TypeTold `json:"types,omitempty"`
	Code            string     `json:"code,omitempty"`
	Problem         string     `json:"problem,omitempty"`
	Remedy          string     `json:"remedy,omitempty"`
	Links           *Links     `json:"links,omitempty"`
}

// A TypeTold sums up the output files of one type.
type TypeTold struct {
	Type      string `json:"type"`
	Section   string `json:"section"` // of the manifest: output, deleted or error
	Files     int64  `json:"files"`
	Lines     int64  `json:"lines"`
	Delivered int64  `json:"delivered"`
	Refused   int64  `json:"refused"`
	Bytes     int64  `json:"bytes"`
}

// Links are our pages and API: below web.url of the configuration, or paths to
// be resolved against the address at which they are served.
type Links struct {
	Page string `json:"page"`
	API  string `json:"api"`
}

// tell writes the call-backs of exports that have come to rest. One that was
// resumed before anybody was told goes on, and its next end is told.
func (k *Keeper) tell(ctx context.Context) error {
	list, err := k.o.Store.Settled(ctx, atOnce)
	if err != nil {
		return err
	}
	var failed error
	for _, s := range list {
		if ctx.Err() != nil {
			return errors.Join(failed, ctx.Err())
		}
		err := k.tellOf(ctx, s) // trouble with one keeps no other from being told
		if failed = errors.Join(failed, err); everybodys(err) {
			return failed
		}
	}
	return failed
}

func (k *Keeper) tellOf(ctx context.Context, s store.Settled) error {
	in := k.o.Store.In(s.Tenant)
	x, err := in.Export(ctx, s.Export)
	if p, ok := errors.AsType[*problem.Problem](err); err != nil && (!ok || p.Code != problem.Usage) {
		return err
	}
	still := err == nil && string(x.State) == s.State && x.StateAt.Equal(s.At) // and not disposed of
	var calls []store.Callback
	if still {
		if calls, err = k.callsOf(ctx, x); err != nil {
			return err
		}
	}
	err = in.Do(ctx, func(tx *store.Tx) error {
		for _, c := range calls {
			if err := tx.CallBack(c); err != nil {
				return err
			}
		}
		if err := tx.Told(s); err != nil {
			return err
		}
		return k.at("end: written")
	})
	if err != nil {
		return lost(err)
	}
	if still && k.o.Ended != nil {
		k.o.Ended(ctx, x)
	}
	return k.at("end: committed")
}

// callsOf makes the call-backs that tell an export's end: one for each request
// that wants one, and one for each callee that is told of all and gets none by
// a request.
func (k *Keeper) callsOf(ctx context.Context, x store.Export) ([]store.Callback, error) {
	cfg, in := k.o.Config(), k.o.Store.In(x.Tenant)
	requests, err := in.RequestsOf(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	now, told := time.Now(), map[string]bool{}
	var calls []store.Callback
	base := store.Callback{Tenant: x.Tenant, Export: x.ID, State: string(x.State), SettledAt: x.StateAt, MadeAt: now}
	for _, r := range requests {
		to, at, ok := cfg.Callback(x.Tenant, r.Callback)
		if r.Callback == "" || !ok {
			continue // nobody is told, or nobody may be told any more
		}
		c := base
		c.Request, c.Target, c.URL = r.ID, to.Name, at
		calls, told[to.Name] = append(calls, c), true
	}
	for _, to := range cfg.Callbacks {
		if to.All && to.Knows(x.Tenant) && !told[to.Name] {
			c := base
			c.Target, c.URL = to.Name, to.URL
			calls = append(calls, c)
		}
	}
	if len(calls) == 0 {
		return nil, nil
	}
	totals, err := in.TypeTotals(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	of := toldOf(x, totals)
	if cfg.Web.Listen != "" {
		base, path := strings.TrimSuffix(cfg.Web.URL, "/"), "/practices/"+x.Tenant+"/exports/"+x.ID
		of.Links = &Links{Page: base + path, API: base + "/api/v1" + path}
	}
	for i := range calls {
		if err := fill(&calls[i], requests, of); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

// fill writes the body of a call-back, with the reference of its request.
func fill(c *store.Callback, requests []store.ExportRequest, of Told) error {
	for _, r := range requests {
		if r.ID == c.Request {
			of.Request, of.Reference, of.RequestedBy = r.ID, r.Reference, actor(r)
		}
	}
	text, err := json.Marshal(Message{Type: "export." + c.State, Timestamp: c.SettledAt.UTC(), Data: of})
	if err != nil {
		return fmt.Errorf("write a call-back: %w", err)
	}
	c.Delivery, c.Body = newDelivery(), string(text)
	return nil
}

func newDelivery() string { return "msg_" + rand.Text() }

func toldOf(x store.Export, totals []store.TypeTotal) Told {
	of := Told{
		Tenant: x.Tenant, Export: x.ID, State: string(x.State), Mode: x.Mode, Purpose: string(x.Purpose), RequestedBy: x.RequestedBy,
		RequestedAt: x.RequestedAt, Since: x.Since, TransactionTime: x.TransactionTime,
		Code: x.ProblemCode, Problem: x.ProblemSummary, Remedy: x.ProblemRemedy,
	}
	if !x.EndedAt.IsZero() {
		of.EndedAt = &x.EndedAt
	}
	for _, t := range totals {
		of.Types = append(of.Types, TypeTold{
			Type: t.Type, Section: t.Section, Files: t.Files, Lines: t.Lines, Delivered: t.Delivered, Refused: t.Quarantined, Bytes: t.Bytes,
		})
	}
	return of
}

// refusalOf makes the call-back that tells that a request was refused.
func refusalOf(r store.ExportRequest, target, at string, now time.Time) store.Callback {
	text, err := json.Marshal(Message{Type: "request.refused", Timestamp: now.UTC(), Data: Told{
		Tenant: r.Tenant, State: r.State, Mode: r.Kind, Request: r.ID, Reference: r.Reference, RequestedBy: actor(r), RequestedAt: r.AskedAt,
		EndedAt: &r.EndedAt, Code: r.Code, Problem: r.Problem, Remedy: r.Remedy,
	}})
	if err != nil {
		panic(err) // texts and times only
	}
	return store.Callback{
		Delivery: newDelivery(), Request: r.ID, Target: target, URL: at, State: r.State, Body: string(text), SettledAt: now, MadeAt: now,
	}
}

package trigger

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestARowIsTakenUpOnceWheneverTheProcessEnds(t *testing.T) {
	t.Attr("fault", "step: the process ends while a row of export_requests is taken up -> one export, answered")
	for _, at := range []string{"request: taken", "request: committed"} {
		t.Run(at, func(t *testing.T) {
			d := newDesk(t, 1)
			id := d.insert("p0", "reference", "n-1")
			d.dies(at)
			if err := d.keeper.CatchUp(t.Context()); !errors.Is(err, errDied) {
				t.Fatalf("it did not end there: %v", err)
			}
			d.restart()
			d.catchUp()
			d.catchUp()
			exports := d.exports("p0")
			if r := d.request("p0", id); len(exports) != 1 || r.Export != exports[0].ID || r.State != "requested" || r.StartedAt.IsZero() {
				t.Errorf("%d exports, the request is %+v", len(exports), r)
			}
			if x := exports[0]; x.RequestedBy != "table:mirth" {
				t.Errorf("asked for by %s", x.RequestedBy)
			}
		})
	}
}

func TestAReferenceThatComesAgainIsTheSameExport(t *testing.T) {
	d := newDesk(t, 1)
	ids := []int64{d.insert("p0", "reference", "n-1"), d.insert("p0", "reference", "n-1"), d.insert("p0", "reference", "n-1", "kind", "full")}
	d.catchUp()
	d.catchUp()
	exports := d.exports("p0")
	if len(exports) != 1 || d.request("p0", ids[0]).Export != exports[0].ID || d.request("p0", ids[1]).Export != exports[0].ID {
		t.Fatalf("%d exports, %+v", len(exports), d.request("p0", ids[1]))
	}
	if r := d.request("p0", ids[2]); r.State != store.RequestRefused || r.Code != string(problem.Usage) {
		t.Errorf("another wish by the same reference: %+v", r)
	}
	late := d.insert("p0", "reference", "n-1", "callback", "mirth")
	d.catchUp()
	if r := d.request("p0", late); r.Export != exports[0].ID {
		t.Errorf("while it runs: %+v", r)
	}
	d.finish("p0", exports[0].ID, nil)
	d.catchUp()
	again := d.insert("p0", "reference", "n-1", "callback", "https://mirth.example/done/again")
	d.catchUp() // answered
	d.catchUp()
	if r := d.request("p0", again); r.Export != exports[0].ID || r.State != "completed" || len(d.exports("p0")) != 1 {
		t.Errorf("after its end: %+v, %d exports", r, len(d.exports("p0")))
	}
	told := map[int64]int{}
	for _, c := range d.calls("p0", exports[0].ID) {
		told[c.Request]++
	}
	if told[late] != 1 || told[again] != 1 || told[0] != 1 || len(told) != 3 {
		t.Errorf("told: %v", told)
	}
	if other := d.insert("p0", "reference", "n-1", "requested_by", "cron"); other > 0 {
		d.catchUp()
		if len(d.exports("p0")) != 2 {
			t.Error("another caller's reference is not its own")
		}
	}
}

func TestAThousandRowsAtOnceAreOneExportForEachPracticeAndWish(t *testing.T) {
	t.Attr("fault", "load: a thousand rows of fifty practices at once -> each is answered, once, by one export of its practice")
	d := newDesk(t, 50)
	var ids []int64
	for i := range 1000 {
		ids = append(ids, d.insert(fmt.Sprint("p", i%50), "reference", fmt.Sprint("r-", i)))
	}
	began := time.Now()
	d.catchUp()
	t.Logf("taken up in %v", time.Since(began))
	for i, id := range ids {
		tenant := fmt.Sprint("p", i%50)
		exports := d.exports(tenant)
		if r := d.request(tenant, id); len(exports) != 1 || r.Export != exports[0].ID {
			t.Fatalf("%s: %d exports, request %+v", tenant, len(exports), r)
		}
	}
	head, fault, err := d.store.AuditFaults(t.Context(), "p7", nil)
	if err != nil || fault != nil || head.Seq != 20 {
		t.Errorf("on record: %d rows, %v, %v", head.Seq, fault, err)
	}
}

func TestOthersWishesWaitForTheirTurn(t *testing.T) {
	d := newDesk(t, 1)
	first, other := d.insert("p0"), d.insert("p0", "kind", "full")
	d.catchUp()
	d.catchUp()
	if r := d.request("p0", other); r.State != store.RequestNew {
		t.Fatalf("it did not wait: %+v", r)
	}
	d.finish("p0", d.request("p0", first).Export, nil)
	d.catchUp()
	if r := d.request("p0", other); r.State != "requested" || d.exports("p0")[0].Mode != "full" {
		t.Errorf("it is not taken up: %+v", r)
	}
}

func TestAScheduleThatComesFirstMakesARowWait(t *testing.T) {
	d := newDesk(t, 1)
	id := d.insert("p0")
	d.before = func(tenant string) error {
		d.before = nil
		_, err := d.Request(t.Context(), tenant, wish(store.ExportRequest{Kind: "full"}))
		return err
	}
	d.catchUp()
	if r := d.request("p0", id); r.State != store.RequestNew {
		t.Errorf("request = %+v", r)
	}
}

func TestWhatCannotBeTakenIsRefusedWithWords(t *testing.T) {
	d := newDesk(t, 2)
	for name, c := range map[string]struct {
		tenant string
		fields []string
		code   problem.Code
	}{
		"practice":          {"nobody", nil, problem.TenantUnknown},
		"kind":              {"p0", []string{"kind", "weekly"}, problem.RequestInvalid},
		"type":              {"p0", []string{"types", "Patient,No Such; DROP"}, problem.RequestInvalid},
		"since":             {"p0", []string{"since", "yesterday"}, problem.RequestInvalid},
		"group":             {"p0", []string{"group_id", "../x"}, problem.RequestInvalid},
		"caller":            {"p0", []string{"requested_by", "\x1b[2Jmirth"}, problem.RequestInvalid},
		"reference":         {"p0", []string{"reference", "Müller, Anna"}, problem.RequestInvalid},
		"callback":          {"p0", []string{"callback", "https://evil.example/"}, problem.RequestInvalid},
		"callback of other": {"p1", []string{"callback", "lake"}, problem.RequestInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			id := d.insert(c.tenant, c.fields...)
			d.catchUp()
			r := d.request(c.tenant, id)
			if r.State != store.RequestRefused || r.Code != string(c.code) || r.Problem == "" || r.Remedy == "" || r.EndedAt.IsZero() || r.Export != "" {
				t.Errorf("request = %+v", r)
			}
			if strings.ContainsAny(r.Problem, "\x1b") {
				t.Error("a caller's control characters are repeated")
			}
		})
	}
	if n := len(d.exports("p0")) + len(d.exports("p1")); n != 0 {
		t.Errorf("%d exports", n)
	}
	if head, ok, err := d.store.In(audit.House).AuditHead(t.Context()); err != nil || !ok || head.Seq != 1 {
		t.Errorf("the house's record: %+v, %v, %v", head, ok, err)
	}
	if head, ok, err := d.store.In("p0").AuditHead(t.Context()); err != nil || !ok || head.Seq != 7 {
		t.Errorf("the practice's record: %+v, %v, %v", head, ok, err)
	}
}

func TestARefusalIsToldWhereTheRequestWishes(t *testing.T) {
	d := newDesk(t, 1)
	id := d.insert("p0", "kind", "weekly", "callback", "mirth", "reference", "n-1")
	d.catchUp()
	list, err := d.store.DueCallbacks(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].Request != id || !strings.Contains(list[0].Body, `"type":"request.refused"`) || !strings.Contains(list[0].Body, `"reference":"n-1"`) {
		t.Errorf("call-backs: %+v, %v", list, err)
	}
}

func TestWhatTheAgreementForbidsIsAnsweredByADeniedExport(t *testing.T) {
	d := newDesk(t, 1)
	d.deny = true
	id := d.insert("p0", "callback", "mirth")
	d.catchUp()
	d.catchUp()
	r := d.request("p0", id)
	if r.State != "denied" || r.Code != string(problem.AgreementDenied) || r.Export == "" {
		t.Errorf("request = %+v", r)
	}
	if calls := d.calls("p0", r.Export); len(calls) != 2 {
		t.Errorf("call-backs: %+v", calls)
	}
}

func TestATroubleOfTheMachineRefusesNothing(t *testing.T) {
	d := newDesk(t, 1)
	id := d.insert("p0")
	d.before = func(string) error { return problem.New(problem.StorageFull, "no space", "Free some.") }
	if err := d.keeper.CatchUp(t.Context()); err == nil {
		t.Error("nobody hears of it")
	}
	d.before = nil
	if r := d.request("p0", id); r.State != store.RequestNew {
		t.Errorf("request = %+v", r)
	}
	d.catchUp()
	if r := d.request("p0", id); r.State != "requested" {
		t.Errorf("request = %+v", r)
	}
}

func TestTroubleWithOnePracticeKeepsNoOtherWaiting(t *testing.T) {
	t.Attr("fault", "step: the ledger's rows of one practice cannot be used -> requests and call-backs of the others go on")
	d := newDesk(t, 3)
	d.insert("p0")
	one, two := d.insert("p1"), d.insert("p2")
	broken := errors.New("a row that nobody can read")
	d.before = func(tenant string) error {
		if tenant == "p0" {
			return broken
		}
		return nil
	}
	if err := d.keeper.CatchUp(t.Context()); !errors.Is(err, broken) {
		t.Errorf("nobody hears of it: %v", err)
	}
	if r, o := d.request("p1", one), d.request("p2", two); r.State != "requested" || o.State != "requested" {
		t.Errorf("the others' requests are %s and %s", r.State, o.State)
	}
	d.finish("p1", d.request("p1", one).Export, nil)
	d.finish("p2", d.request("p2", two).Export, nil)
	if _, err := d.store.DB().ExecContext(t.Context(), `UPDATE export SET types = '{' WHERE tenant_id = 'p1'`); err != nil {
		t.Fatal(err)
	}
	d.config.Callbacks[1].Tenants = nil
	if err := d.keeper.CatchUp(t.Context()); err == nil {
		t.Error("nobody hears of the export that cannot be read")
	}
	if calls := d.calls("p2", d.request("p2", two).Export); len(calls) != 1 {
		t.Errorf("the end of another is told %d times", len(calls))
	}
}

func TestTheAPIGivesTheSameExportForTheSameReference(t *testing.T) {
	d := newDesk(t, 2)
	ask := store.ExportRequest{Tenant: "p0", Kind: "incremental", By: "token:abc", Reference: "n-1", Source: store.FromAPI}
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			id, err := d.keeper.Start(t.Context(), ask)
			mu.Lock()
			defer mu.Unlock()
			if got[id]++; err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(got) != 1 || len(d.exports("p0")) != 1 {
		t.Fatalf("%v, %d exports", got, len(d.exports("p0")))
	}
	d.finish("p0", d.exports("p0")[0].ID, nil)
	if id, err := d.keeper.Start(t.Context(), ask); err != nil || got[id] != 20 {
		t.Errorf("after its end: %s, %v", id, err)
	}
	ask.Kind = "full"
	if _, err := d.keeper.Start(t.Context(), ask); problem.Of(err).Code != problem.Usage {
		t.Errorf("another wish: %v", err)
	}
	ask.Tenant = "p1"
	if id, err := d.keeper.Start(t.Context(), ask); err != nil || got[id] != 0 {
		t.Errorf("another practice: %s, %v", id, err)
	}
}

func TestTheAPIMakesNothingOfWhatCannotBegin(t *testing.T) {
	d := newDesk(t, 1)
	ask := store.ExportRequest{Tenant: "p0", Kind: "full", By: "anna", Reference: "n-1", Source: store.FromAPI}
	if _, err := d.Request(t.Context(), "p0", wish(ask)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.keeper.Start(t.Context(), ask); problem.Of(err).Code != problem.Usage {
		t.Errorf("beside another: %v", err)
	}
	if list, err := d.store.In("p0").RequestsBelow(t.Context(), store.RequestPage{Most: 10}); err != nil || len(list) != 0 {
		t.Errorf("requests: %+v, %v", list, err)
	}
	d.finish("p0", d.exports("p0")[0].ID, nil)
	d.deny = true
	first, err := d.keeper.Start(t.Context(), ask)
	if problem.Of(err).Code != problem.AgreementDenied || first == "" {
		t.Errorf("denied: %s, %v", first, err)
	}
	if again, err := d.keeper.Start(t.Context(), ask); problem.Of(err).Code != problem.AgreementDenied || again != first {
		t.Errorf("denied again: %s, %v", again, err)
	}
}

func TestAHooksRequestIsWrittenOnceAndTakenUp(t *testing.T) {
	d := newDesk(t, 1)
	ask := store.ExportRequest{Tenant: "p0", Kind: "incremental", By: "mirth", Reference: "msg_1", Source: store.FromHook}
	first, err := d.keeper.Ask(t.Context(), ask)
	if err != nil || first.ID == 0 || first.State != store.RequestNew {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := d.keeper.Ask(t.Context(), ask); err != nil || again.ID != first.ID {
		t.Errorf("again: %+v, %v", again, err)
	}
	d.catchUp()
	if r := d.request("p0", first.ID); r.State != "requested" || d.exports("p0")[0].RequestedBy != "hook:mirth" {
		t.Errorf("request = %+v", r)
	}
	if _, err := d.keeper.Ask(t.Context(), store.ExportRequest{Tenant: "p0", Kind: "none", By: "mirth", Source: store.FromHook}); problem.Of(err).Code != problem.RequestInvalid {
		t.Errorf("what cannot be taken: %v", err)
	}
	for i := range untakenMost {
		d.insert("p0", "reference", fmt.Sprint(i))
	}
	ask.Reference = "msg_2"
	if _, err := d.keeper.Ask(t.Context(), ask); problem.Of(err).Code != problem.Usage {
		t.Errorf("too many: %v", err)
	}
}

func TestAnExportThatGoesOnKeepsItsRequest(t *testing.T) {
	d := newDesk(t, 1)
	id := d.insert("p0", "callback", "mirth")
	d.catchUp()
	x := d.request("p0", id).Export
	d.finish("p0", x, problem.New(problem.ServerFailing, "the server answers 500", "Wait."), life.Refuse)
	d.finish("p0", x, nil, life.Queue) // before anybody was told
	d.finish("p0", x, nil, life.Restart)
	d.catchUp()
	if calls := d.calls("p0", x); len(calls) != 0 {
		t.Errorf("an end that is none is told: %+v", calls)
	}
	if r := d.request("p0", id); r.State != "kicking_off" || !r.EndedAt.IsZero() && r.State == "completed" {
		t.Errorf("request = %+v", r)
	}
	d.finish("p0", x, nil, life.Lost)
	d.catchUp()
	d.finish("p0", x, nil, life.Cancel)
	d.catchUp()
	var states []string
	for _, c := range d.calls("p0", x) {
		if c.Target == "mirth" {
			states = append(states, c.State)
		}
	}
	if fmt.Sprint(states) != "[unknown cancelled]" {
		t.Errorf("told: %v", states)
	}
}

package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/trigger"
)

const hookSecret = "thirty-two bytes that nobody else knows"

// writer writes the exports that are asked for, and runs none.
type writer struct{ store *store.Store }

func (w writer) Request(ctx context.Context, tenant string, wish export.Wish) (id string, err error) {
	err = w.store.In(tenant).Do(ctx, func(tx *store.Tx) error {
		if id, err = tx.Request(store.Intent{Endpoint: "https://ehr.example/" + id, Level: "system", Types: wish.Types, Mode: "full", RequestedBy: wish.By}); err != nil {
			return err
		}
		return wish.Answers(tx, id)
	})
	return id, err
}

// hooked gives a house with a hook for lakeside, and one for all practices.
func hooked(t *testing.T) *house {
	t.Helper()
	t.Setenv("HOOK_SECRET", hookSecret)
	t.Setenv("BAD_SECRET", "short")
	return newHouse(t, func(o *Options) {
		c := *o.Config()
		c.Hooks = []config.Hook{
			{Name: "mirth", SecretEnv: "HOOK_SECRET", Tenants: []string{"lakeside"}},
			{Name: "all", SecretEnv: "HOOK_SECRET", Tenants: []string{"*"}},
			{Name: "broken", SecretEnv: "BAD_SECRET", Tenants: []string{"*"}},
		}
		c.Callbacks = []config.Callback{{Name: "mirth", URL: "https://mirth.example/done", SecretEnv: "HOOK_SECRET"}}
		o.Config = func() *config.Config { return &c }
		s := o.Store
		o.Triggers = trigger.New(trigger.Options{Config: o.Config, Store: s, Work: func() trigger.Work { return writer{s} }})
	})
}

// call calls a hook as of a time, with a body signed by a secret.
func (v *visitor) call(hook, id, body, key string, at time.Time) got {
	v.Helper()
	return v.ask("POST", "/hooks/"+hook, "application/json", body,
		trigger.HeaderID, id, trigger.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10), trigger.HeaderSignature, trigger.Sign(secret.New(key), id, at, []byte(body)))
}

func TestASignedMessageIsARequest(t *testing.T) {
	h := hooked(t)
	v := h.visit()
	first := v.call("mirth", "msg_1", `{"kind":"full","types":["Patient","Condition"],"callback":"mirth"}`, hookSecret, time.Now())
	var answer hookAnswer
	if err := json.Unmarshal([]byte(first.body), &answer); err != nil || first.code != http.StatusAccepted || answer.Tenant != "lakeside" || answer.State != "new" {
		t.Fatalf("%d %s, %v", first.code, first.body, err)
	}
	r, err := h.store.In("lakeside").Request(t.Context(), answer.Request)
	if err != nil || r.By != "mirth" || r.Source != store.FromHook || r.Types != "Patient,Condition" || r.Reference != "msg_1" || r.Kind != "full" {
		t.Errorf("request = %+v, %v", r, err)
	}
	if at := first.header.Get("Location"); at != fmt.Sprintf("/api/v1/practices/lakeside/requests/%d", answer.Request) {
		t.Errorf("Location %s", at)
	}
	token := h.program("viewer@lakeside")
	if got := token.get(first.header.Get("Location")); got.code != http.StatusOK || !strings.Contains(got.body, `"state":"new"`) {
		t.Errorf("%d %s", got.code, got.body)
	}
	if got := token.get("/api/v1/practices/lakeside/requests"); got.code != http.StatusOK || !strings.Contains(got.body, `"requested_by":"mirth"`) {
		t.Errorf("%d %s", got.code, got.body)
	}
	var hidden int64
	err = h.store.In("hillcrest").Do(t.Context(), func(tx *store.Tx) (err error) {
		hidden, err = tx.Ask(store.ExportRequest{Kind: "full", By: "cron", Source: store.FromTable})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"lakeside/requests/", "hillcrest/requests/"} {
		if got := token.get("/api/v1/practices/" + path + strconv.FormatInt(hidden, 10)); got.code != http.StatusNotFound {
			t.Errorf("another practice's request by %s: %d", path, got.code)
		}
	}
	if got := token.get("/api/v1/practices/lakeside/requests/999"); got.code != http.StatusNotFound {
		t.Errorf("a request that is not there: %d", got.code)
	}
}

func TestAMessageThatComesAgainIsTheSameRequest(t *testing.T) {
	t.Attr("fault", "hostile: somebody sends a signed message again -> the same request, no second export; after five minutes it is refused")
	h := hooked(t)
	v := h.visit()
	at := time.Now()
	first, again := v.call("mirth", "msg_1", `{}`, hookSecret, at), v.call("mirth", "msg_1", `{}`, hookSecret, at)
	if first.code != http.StatusAccepted || again.body != first.body {
		t.Errorf("%s and %s", first.body, again.body)
	}
	if got := v.call("mirth", "msg_2", `{}`, hookSecret, at.Add(-6*time.Minute)); got.code != http.StatusUnauthorized {
		t.Errorf("an old message: %d", got.code)
	}
	if got := v.call("mirth", "msg_2", `{}`, hookSecret, at.Add(6*time.Minute)); got.code != http.StatusUnauthorized {
		t.Errorf("a message of the future: %d", got.code)
	}
	if got := v.call("mirth", "msg_1", `{"kind":"full"}`, hookSecret, at); got.code != http.StatusConflict {
		t.Errorf("another wish by the same id: %d %s", got.code, got.body)
	}
	list, err := h.store.In("lakeside").RequestsBelow(t.Context(), store.RequestPage{Most: 10})
	if err != nil || len(list) != 1 {
		t.Errorf("%d requests, %v", len(list), err)
	}
}

func TestAMessageThatIsNotSignedAsItMustBeStartsNothing(t *testing.T) {
	t.Attr("fault", "hostile: messages to a web hook with wrong, missing or moved signatures -> refused, then held off; nothing starts")
	h := hooked(t)
	v := h.visit()
	now := time.Now()
	stamp := strconv.FormatInt(now.Unix(), 10)
	good := trigger.Sign(secret.New(hookSecret), "msg_1", now, []byte(`{}`))
	for name, got := range map[string]got{
		"secret":    v.call("mirth", "msg_1", `{}`, "another secret of thirty-two bytes..", now),
		"none":      v.ask("POST", "/hooks/mirth", "application/json", `{}`),
		"body":      v.ask("POST", "/hooks/mirth", "application/json", `{"kind":"full"}`, trigger.HeaderID, "msg_1", trigger.HeaderTimestamp, stamp, trigger.HeaderSignature, good),
		"id":        v.ask("POST", "/hooks/mirth", "application/json", `{}`, trigger.HeaderID, "msg_2", trigger.HeaderTimestamp, stamp, trigger.HeaderSignature, good),
		"time":      v.ask("POST", "/hooks/mirth", "application/json", `{}`, trigger.HeaderID, "msg_1", trigger.HeaderTimestamp, stamp+"0", trigger.HeaderSignature, good),
		"version":   v.ask("POST", "/hooks/mirth", "application/json", `{}`, trigger.HeaderID, "msg_1", trigger.HeaderTimestamp, stamp, trigger.HeaderSignature, "v2"+good[2:]),
		"separator": v.ask("POST", "/hooks/mirth", "application/json", `{}`, trigger.HeaderID, "msg", trigger.HeaderTimestamp, "1."+stamp, trigger.HeaderSignature, good),
	} {
		if got.code != http.StatusUnauthorized || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, got.code, got.body)
		}
	}
	if got := v.call("nobody", "msg_1", `{}`, hookSecret, now); got.code != http.StatusNotFound {
		t.Errorf("a hook that is not there: %d", got.code)
	}
	if got := v.call("broken", "msg_1", `{}`, "short", now); got.code != http.StatusServiceUnavailable || strings.Contains(got.body, "short") {
		t.Errorf("a hook without a secret: %d %s", got.code, got.body)
	}
	held := 0
	for range 50 {
		if v.call("mirth", "msg_1", `{}`, "another secret of thirty-two bytes..", now).code == http.StatusTooManyRequests {
			held++
		}
	}
	if held < 30 {
		t.Errorf("only %d of 50 were held off", held)
	}
	if got := v.call("mirth", "msg_1", `{}`, hookSecret, now); got.code != http.StatusAccepted {
		t.Errorf("whoever knows the secret is shut out: %d", got.code)
	}
}

func TestAHookReachesOnlyItsPracticesAndTakesOnlyWhatThereIs(t *testing.T) {
	h := hooked(t)
	v := h.visit()
	n := 0
	for body, code := range map[string]int{
		`{"tenant":"lakeside"}`: 202, `{"tenant":"hillcrest"}`: 404, `{"tenant":"nowhere"}`: 404, `{"kind":"weekly"}`: 422, `{"types":["No Such"]}`: 422,
		`{"callback":"https://evil.example/"}`: 422, `{"unknown":1}`: 422, `{} {}`: 422, `[]`: 422, ``: 422, `{"types":"Patient"}`: 422,
		`{"since":"` + strings.Repeat("1", 70_000) + `"}`: 413,
	} {
		n++
		got := v.call("mirth", fmt.Sprint("msg_", n), body, hookSecret, time.Now())
		if got.code != code {
			t.Errorf("%.40s: %d %s", body, got.code, got.body)
		}
		if strings.Contains(got.body, "hillcrest") {
			t.Errorf("%s: the answer names a practice that is not the hook's", body)
		}
	}
	if got := v.call("all", "msg_1", `{"tenant":"hillcrest"}`, hookSecret, time.Now()); got.code != http.StatusAccepted {
		t.Errorf("a hook of all practices: %d %s", got.code, got.body)
	}
	if got := v.call("all", "msg_2", `{}`, hookSecret, time.Now()); got.code != http.StatusNotFound {
		t.Errorf("without a practice: %d", got.code)
	}
}

func TestTheAPIStartsOneExportForOneReference(t *testing.T) {
	h := hooked(t)
	v := h.program("operator@lakeside")
	path := "/api/v1/practices/lakeside/exports"
	first := v.ask("POST", path, "application/json", `{"full":true,"reference":"night-1","callback":"mirth"}`)
	again := v.ask("POST", path, "application/json", `{"full":true,"reference":"night-1","callback":"mirth"}`)
	if first.code != http.StatusAccepted || again.code != http.StatusAccepted || first.header.Get("Location") != again.header.Get("Location") {
		t.Errorf("%d %s, %d %s", first.code, first.body, again.code, again.body)
	}
	for body, code := range map[string]int{
		`{"reference":"night-1"}`: 409, `{"reference":"night-2","callback":"https://evil.example/"}`: 422, `{"reference":"Müller, Anna"}`: 422,
	} {
		if got := v.ask("POST", path, "application/json", body); got.code != code {
			t.Errorf("%s: %d %s", body, got.code, got.body)
		}
	}
}

func FuzzAMessageAsksOnlyForTheHooksPractices(f *testing.F) {
	for _, s := range []string{`{}`, `{"tenant":"lakeside","types":["Patient"]}`, `{"tenant":"hillcrest"}`, `{"tenant":"\u006cakeside"} x`, `[1]`, `{"types":[null]}`} {
		f.Add([]byte(s))
	}
	h := config.Hook{Name: "mirth", Tenants: []string{"lakeside", "elm"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := hookRequest(h, "msg_1", body)
		if err == nil && (r.Tenant != "lakeside" && r.Tenant != "elm" || r.By != "mirth" || r.Source != store.FromHook) {
			t.Errorf("%q asks for %+v", body, r)
		}
	})
}

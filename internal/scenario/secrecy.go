package scenario

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/telemetry"
)

// records are the places of a World's folder where what patients' records say
// may be, and keys those of keys. Everything else that is there, and all that
// bulkhead says, is searched for it (I9). SECURITY.md has the same list.
var (
	records = []string{
		"state/files/" + string(blob.Raw), "state/files/" + string(blob.Staged), "state/files/" + string(blob.Quarantine),
		"state/files/" + string(blob.Attachments), "parquet", "tables.duckdb", "tables.duckdb.wal",
	}
	keyFiles = "*.jwk"
)

// Columns of the ledger that hold what is searched for elsewhere: URLs as a
// server gave them, whose queries may be credentials, because nothing can be
// asked for without them; and the ids of a group's patients.
var (
	linkColumns = []string{"export.status_url", "export.page_url", "manifest_page.url", "output_file.url"}
	idColumns   = []string{"member.patient", "export.parameters"}
	// logColumn and auditColumn have links without their queries, where a token
	// opens them, and so have the files of an export's log.
	logColumn   = "export_log.detail"
	auditColumn = "audit.object"
	logFolder   = "state/files/" + string(blob.Logs) + "/"
)

// A secret is a word that may stand in a few columns of the ledger only, or
// nowhere.
type secret struct {
	what, word string
	columns    []string
}

// heard collects the secrets that requests carried.
type heard struct {
	mu    sync.Mutex
	words map[string]secret
}

// Keep adds a word that must be nowhere.
func (w *World) Keep(what, word string) { w.heard.add(secret{what: what, word: word}) }

// KeepLink adds a word that stands in a server's links, and must be nowhere
// but where the ledger keeps these.
func (w *World) KeepLink(what, word string) { w.heard.add(secret{what, word, linkColumns}) }

// KeepPath adds a word that stands in the path of a server's links: the log of
// an export, and the audit trail, may have it too.
func (w *World) KeepPath(what, word string) {
	w.heard.add(secret{what, word, append(slices.Clone(linkColumns), logColumn, auditColumn)})
}

// KeepID adds the id of a patient: it must be nowhere but where the ledger
// keeps who is in a group.
func (w *World) KeepID(what, word string) { w.heard.add(secret{what, word, idColumns}) }

// EventsOf names, for Told, the log of an export, which has the paths of links.
const EventsOf = "the log of an export"

// Told adds a text of bulkhead's, such as a command's output, to what is
// searched.
func (w *World) Told(where, text string) { w.told[where] += text }

func (h *heard) add(s secret) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.words == nil {
		h.words = map[string]secret{}
	}
	h.words[s.word] = s
}

func (h *heard) all() []secret {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.words))
}

// see takes the secrets out of a request.
func (h *heard) see(r *http.Request) {
	if _, credential, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		h.add(secret{what: "a credential", word: credential})
	}
	for _, cookie := range r.Cookies() {
		if len(cookie.Value) > 8 {
			h.add(secret{what: "a cookie", word: cookie.Value})
		}
	}
	for _, name := range []string{"signature", "sig", "token"} {
		if value := r.URL.Query().Get(name); len(value) > 8 {
			h.add(secret{"a link's " + name, value, linkColumns})
		}
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		return
	}
	form, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(form), failing{err}))
	for field := range strings.SplitSeq(string(form), "&") {
		if assertion, ok := strings.CutPrefix(field, "client_assertion="); ok {
			h.add(secret{what: "an assertion", word: assertion})
		}
	}
}

// failing ends a body as it ended.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

// Play lets player answer requests in the servers' place; nil ends that. What
// requests carry is watched all the same.
func (w *World) Play(player sandbox.Player) {
	w.Sandbox.Play(func(q sandbox.Request, a http.ResponseWriter, r *http.Request, usual func() *httptest.ResponseRecorder) bool {
		w.heard.see(r)
		return player != nil && player(q, a, r, usual)
	})
}

// secrets are all words that are searched for, in lower case.
func (w *World) secrets() ([]secret, error) {
	all := append(w.heard.all(), secret{what: "a patient's name", word: Canary},
		secret{what: "a form with an assertion", word: "client_assertion="}, secret{what: "an Authorization header", word: "Bearer "})
	for i := range 3 { // as it stands in base64, wherever it begins
		coded := base64.StdEncoding.EncodeToString([]byte("xxx"[:i] + Canary))
		all = append(all, secret{what: "a document", word: coded[4 : len(coded)-4]})
	}
	for _, t := range w.tenants {
		if t.Open {
			continue
		}
		key, err := t.key()
		if err != nil {
			return nil, err
		}
		private, err := key.PrivateJWK()
		if err != nil {
			return nil, err
		}
		var members struct{ D, P, Q string }
		if err := json.Unmarshal(private, &members); err != nil {
			return nil, err
		}
		for _, member := range []string{members.D, members.P, members.Q} {
			if member != "" {
				all = append(all, secret{what: "the key of " + t.ID, word: member})
			}
		}
		if token := w.token(t); token != "" {
			all = append(all, secret{what: "a token of " + t.ID, word: token})
		}
	}
	for i := range all {
		all[i].word = strings.ToLower(all[i].word)
	}
	return all, nil
}

// token is the one that the tenant's requests carried last, or a new one; ""
// when none can be had.
func (w *World) token(t Tenant) string {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	tenant, err := w.Config.Tenant(t.ID)
	if err != nil {
		return ""
	}
	to, err := w.Connections.To(tenant, export.Types(tenant))
	if err != nil || to.Tokens == nil {
		return ""
	}
	token, err := to.Tokens.Token(ctx)
	if err != nil {
		return ""
	}
	return token.AccessToken
}

// Leaks tells what has been said until now that must not be.
func (w *World) Leaks() []string {
	w.t.Helper()
	before := w.faults
	defer func() { w.faults = before }()
	w.faults = nil
	w.checkSecrets()
	return w.faults
}

// ConfigFile is the configuration of the bulkhead, for commands.
func (w *World) ConfigFile() string { return w.path("bulkhead.yaml") }

// checkSecrets searches what bulkhead has said, and every column of the
// ledger, the executor's included, for what they must not hold (I9).
func (w *World) checkSecrets() {
	var err error
	if w.searched, err = w.secrets(); err != nil {
		w.t.Fatal(err)
	}
	ledger, err := w.ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	for column, text := range ledger {
		w.search("the ledger ("+column+")", []byte(text), func(s secret) bool { return !slices.Contains(s.columns, column) })
	}
	metrics, err := w.metrics()
	if err != nil {
		w.t.Fatal(err)
	}
	w.search("the metrics", metrics, everywhere)
	w.search("the log", []byte(w.Log()), everywhere)
	for where, text := range w.told {
		w.search(where, []byte(text), func(s secret) bool { return where != EventsOf || !slices.Contains(s.columns, logColumn) })
	}
}

// metrics are what a scrape gets, and who asks whether the process is ready.
func (w *World) metrics() ([]byte, error) {
	handler, err := telemetry.New(telemetry.Options{
		Config: func() *config.Config { return w.Config }, Store: w.Store, Ledger: app.Ledger(w.Config), Trouble: func() error { return nil },
	}).Handler()
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
		a := httptest.NewRecorder()
		handler.ServeHTTP(a, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, nil))
		all = append(all, a.Body.Bytes()...)
	}
	if !bytes.Contains(all, []byte("bulkhead_")) {
		return nil, errors.New("the metrics say nothing")
	}
	return all, nil
}

func everywhere(secret) bool { return true }

// search notes each secret that is in a text.
func (w *World) search(where string, text []byte, matters func(secret) bool) {
	text = bytes.ToLower(text)
	for _, s := range w.searched {
		if i := bytes.Index(text, []byte(s.word)); i >= 0 && matters(s) {
			w.fault("%s is in %s: %.120q", s.what, where, text[max(0, i-60):])
		}
	}
}

// checkFolder searches, byte for byte, every file that is no place of records:
// the ledger and its log of changes, logs of exports, notes, locks. The
// bulkhead has ended.
func (w *World) checkFolder() error {
	return filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(w.dir, path)
		if err != nil {
			return err
		}
		if slices.Contains(records, filepath.ToSlash(name)) && d.IsDir() {
			return fs.SkipDir
		}
		if key, _ := filepath.Match(keyFiles, name); key || d.IsDir() || slices.Contains(records, filepath.ToSlash(name)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		ledger, log := strings.HasPrefix(d.Name(), "ledger.db"), strings.HasPrefix(filepath.ToSlash(name), logFolder)
		w.search("the file "+name, text, func(s secret) bool {
			return !(ledger && len(s.columns) > 0 || log && slices.Contains(s.columns, logColumn))
		})
		return nil
	})
}

// ledger gives every value of every table, by table and column.
func (w *World) ledger() (map[string]string, error) {
	tables, err := w.column("SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, table := range tables {
		columns, err := w.column(fmt.Sprintf("SELECT name FROM pragma_table_info('%s')", table))
		if err != nil {
			return nil, err
		}
		for _, name := range columns {
			values, err := w.column(fmt.Sprintf("SELECT DISTINCT coalesce(CAST(%q AS TEXT), '') FROM %q", name, table))
			if err != nil {
				return nil, err
			}
			all[table+"."+name] = strings.Join(values, "\n")
		}
	}
	return all, nil
}

// Ledger gives every value of every table, by table and column, one a line.
func (w *World) Ledger() map[string]string {
	w.t.Helper()
	all, err := w.ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *World) column(query string) (values []string, err error) {
	rows, err := w.Store.DB().QueryContext(w.t.Context(), query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}

package web

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func brokenTrail(f audit.Fault) error {
	return problem.New(problem.AuditBroken, "the record is not what was recorded: "+f.String(),
		"Keep the ledger and its file of anchors as they are, and a copy of both elsewhere; then find out who could write there.").For(f.Tenant)
}

// exportTrail gives one chain as a file, row by row as it was hashed, so that
// bulkhead audit verify --file can walk it. That it was exported is its last row.
func (s *Server) exportTrail(w http.ResponseWriter, r *http.Request) error {
	chain, err := s.chosenChain(r)
	if err != nil {
		return err
	}
	since, err := dayOf(r.FormValue("since"))
	if err != nil {
		return err
	}
	if err := s.opts.Store.Record(r.Context(), audit.Event{Action: audit.RecordRead, Reason: "export"}, chain); err != nil {
		return err
	}
	end, _, err := s.opts.Store.In(chain).AuditHead(r.Context())
	if err != nil {
		return err
	}
	name, kind, write := "bulkhead-audit-"+cmp.Or(chain, look.HouseName)+"-"+time.Now().UTC().Format("20060102"), "application/x-ndjson", rowsAsJSON(w)
	ending := ".ndjson"
	if r.FormValue("form") == "csv" {
		ending, kind, write = ".csv", "text/csv; charset=utf-8", rowsAsCSV(w)
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+ending+`"`)
	if err := writeChain(w, r, s.opts.Store.In(chain), since, end.Seq, write); err != nil {
		s.opts.Log.Error("request failed", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler) // the file has begun: it must not look whole
	}
	return nil
}

// rowsATime is after how many rows of a file its reader has more time.
const rowsATime = 1000

// chainWaits is how long that many rows may take to leave.
const chainWaits = 30 * time.Second

func writeChain(w http.ResponseWriter, r *http.Request, in *store.Scope, since time.Time, last int64, write func(audit.Entry) error) error {
	for e, err := range in.Audit(r.Context(), 0) {
		if err != nil {
			return err
		}
		if e.Seq > last {
			break
		}
		if e.At.Before(since) {
			continue
		}
		if e.Seq%rowsATime == 0 { // as long as rows go out, the file may take as long as it takes
			err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(chainWaits))
			if err != nil && !errors.Is(err, http.ErrNotSupported) {
				return fmt.Errorf("give the file more time: %w", err)
			}
		}
		if err := write(e); err != nil {
			return err
		}
	}
	return nil
}

func rowsAsJSON(w io.Writer) func(audit.Entry) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(e audit.Entry) error { return enc.Encode(e) }
}

func rowsAsCSV(w io.Writer) func(audit.Entry) error {
	out, begun := csv.NewWriter(w), false
	return func(e audit.Entry) error {
		if !begun {
			begun = true
			if err := out.Write(audit.Columns()); err != nil {
				return err
			}
		}
		if err := out.Write(e.Cells()); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	}
}

package scenario

import (
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// RequestReplay asks that the refused lines of an export be taken again, or
// those refused for a reason, and does not wait for it.
func (w *World) RequestReplay(of *Export, reason ...string) *Export {
	w.t.Helper()
	id, err := w.Engine.Replay(w.t.Context(), of.Tenant, export.Retake{Origin: of.ID, Reason: strings.Join(reason, ""), By: "scenario"})
	if err != nil {
		w.t.Fatal(err)
	}
	x := &Export{Export: store.Export{ID: id, Tenant: of.Tenant}}
	w.exports = append(w.exports, x)
	w.look(x)
	return x
}

// Look gives an export as the ledger has it now.
func (w *World) Look(x *Export) *Export {
	w.t.Helper()
	w.look(x)
	return x
}

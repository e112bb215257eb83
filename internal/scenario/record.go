package scenario

import (
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// checkRecord walks the chains of the audit record, against their anchors, and
// looks whether it tells of every export: that it was asked for, that the
// agreement permitted what was sent, and how it ended.
func (w *World) checkRecord() {
	anchors, unreadable, err := audit.ReadAnchors(store.AnchorsOf(w.path("state/ledger.db")))
	if err != nil || unreadable > 0 {
		w.fault("%d anchors of the record cannot be read: %v", unreadable, err)
	}
	told := map[string]map[audit.Action]int{}
	for _, tenant := range append(w.ids(), audit.House) {
		_, fault, err := w.Store.AuditFaults(w.t.Context(), tenant, anchors)
		if err != nil || fault != nil {
			w.fault("the audit record: %v, %v", fault, err)
		}
		for e, err := range w.Store.In(tenant).Audit(w.t.Context(), 0) {
			if err != nil {
				w.fault("%v", err)
				break
			}
			if told[e.Export] == nil {
				told[e.Export] = map[audit.Action]int{}
			}
			if e.Action != audit.Policy || e.Outcome == audit.Allowed {
				told[e.Export][e.Action]++
			}
		}
	}
	for _, x := range w.exports {
		w.checkTold(x, told[x.ID])
	}
}

// checkTold compares an export with what the record tells of it.
func (w *World) checkTold(x *Export, told map[audit.Action]int) {
	ends := map[life.State]audit.Action{
		life.Completed: audit.ExportCompleted, life.Failed: audit.ExportFailed, life.Denied: audit.ExportDenied,
		life.Cancelled: audit.ExportCancelled, life.Gone: audit.ExportGone, life.Unknown: audit.ExportUnknown,
	}
	if told[audit.ExportRequested] != 1 {
		w.fault("the record tells %d times that %s was asked for", told[audit.ExportRequested], x)
	}
	if x.StatusURL != "" && (told[audit.Policy] == 0 || told[audit.ExportKickedOff] == 0) { // I1
		w.fault("the record does not tell that %s was permitted and kicked off", x)
	}
	if end := ends[x.State]; end != "" && told[end] == 0 {
		w.fault("the record does not tell how %s ended", x)
	}
}

func (w *World) ids() []string {
	ids := make([]string, len(w.tenants))
	for i, t := range w.tenants {
		ids[i] = t.ID
	}
	return ids
}

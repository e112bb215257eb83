package scenario

import "slices"

// Exports gives every export of a tenant, those that schedules asked for among
// them, the oldest first. What must hold of exports is checked of them too.
func (w *World) Exports(tenant string) []*Export {
	w.t.Helper()
	rows, err := w.Store.In(tenant).Exports(w.t.Context(), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []*Export
	for _, row := range slices.Backward(rows) {
		i := slices.IndexFunc(w.exports, func(x *Export) bool { return x.ID == row.ID })
		if i < 0 {
			i = len(w.exports)
			w.exports = append(w.exports, &Export{Export: row})
		}
		w.look(w.exports[i])
		all = append(all, w.exports[i])
	}
	return all
}

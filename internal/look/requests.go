package look

import (
	"cmp"
	"context"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// RequestsBelow reads a page of requests. Those for practices that are not there
// are shown to who may see every practice: nobody else can know of them.
func (rd *Reader) RequestsBelow(ctx context.Context, tenant string, names map[string]string, p store.RequestPage) (list []store.ExportRequest, err error) {
	actor := access.ActorOf(ctx)
	switch {
	case tenant != "":
		return rd.Store.In(tenant).RequestsBelow(ctx, p)
	case actor.May(access.See, ""):
		return rd.Store.RequestsBelow(ctx, p)
	}
	for id := range names {
		if !actor.May(access.See, id) {
			continue
		}
		some, err := rd.Store.In(id).RequestsBelow(ctx, p)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	slices.SortFunc(list, func(a, b store.ExportRequest) int { return cmp.Compare(b.ID, a.ID) })
	return list[:min(len(list), p.Most)], nil
}

// Request gives a request for a practice; access.ErrNotFound when there is none of
// that number.
func (rd *Reader) Request(ctx context.Context, tenant string, number int64) (store.ExportRequest, error) {
	r, err := rd.Store.In(tenant).Request(ctx, number)
	if isUsage(err) {
		err = access.ErrNotFound
	}
	return r, err
}

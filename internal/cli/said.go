package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A remark is what a server itself reported about an export, counted by
// severity and code.
type remark struct {
	Tenant   string `json:"tenant"`
	Export   string `json:"export"`
	Severity string `json:"server_reports"`
	Code     string `json:"code"`
	Count    int64  `json:"count"`
}

// said prints what servers reported in OperationOutcomes beside the files.
func (g *Globals) said(ctx context.Context, s *store.Store, exports []store.Export) error {
	for _, x := range exports {
		remarks, err := remarksOf(ctx, s, x)
		if err != nil {
			return err
		}
		var parts []string
		for _, r := range remarks {
			if g.JSON {
				if err := g.emit(r); err != nil {
					return err
				}
				continue
			}
			parts = append(parts, fmt.Sprintf("%s %s ×%d", r.Severity, r.Code, r.Count))
		}
		if len(parts) > 0 {
			g.printf("the server itself reports about %s: %s\n", x.Tenant, strings.Join(parts, ", "))
		}
	}
	return nil
}

func remarksOf(ctx context.Context, s *store.Store, x store.Export) ([]remark, error) {
	files, err := s.In(x.Tenant).Files(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	var list []remark
	for _, f := range files {
		if f.IngestedAt.IsZero() || len(f.Summary) == 0 {
			continue
		}
		var summary ingest.Summary
		if err := json.Unmarshal(f.Summary, &summary); err != nil {
			return nil, fmt.Errorf("read the summary of %s: %w", f.Name, err)
		}
		for _, issue := range summary.Outcomes {
			same := func(r remark) bool { return r.Severity == issue.Severity && r.Code == issue.Code }
			i := slices.IndexFunc(list, same)
			if i < 0 {
				i = len(list)
				list = append(list, remark{Tenant: x.Tenant, Export: x.ID, Severity: issue.Severity, Code: issue.Code})
			}
			list[i].Count += issue.Count
		}
	}
	slices.SortFunc(list, func(a, b remark) int {
		return cmp.Or(strings.Compare(a.Severity, b.Severity), strings.Compare(a.Code, b.Code))
	})
	return list, nil
}

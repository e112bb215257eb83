package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// ExpectQuality asks for a summary of the quality of an export that is
// complete.
func (tx *Tx) ExpectQuality(x *Export) error {
	return tx.q.ExpectQuality(tx.ctx, gen.ExpectQualityParams{TenantID: tx.tenant, ExportID: x.ID})
}

// RenewQuality asks for the summary of an export anew, whose counts a replay
// has changed.
func (tx *Tx) RenewQuality(export string) error {
	return tx.q.RenewQuality(tx.ctx, gen.RenewQualityParams{TenantID: tx.tenant, ExportID: export})
}

// SetQuality records the summary that was asked for, and the few numbers of it
// that lists of practices show.
func (tx *Tx) SetQuality(export string, summary json.RawMessage) error {
	var s struct {
		Lines       int64 `json:"lines"`
		Blank       int64 `json:"blank"`
		Quarantined int64 `json:"quarantined"`
		Types       []struct {
			Verdicts struct {
				Errors int64 `json:"errors"`
			} `json:"verdicts"`
		} `json:"types"`
		Questions []struct {
			About string `json:"about"`
			Says  string `json:"says"`
		} `json:"questions"`
	}
	if err := json.Unmarshal(summary, &s); err != nil {
		return fmt.Errorf("read the quality summary: %w", err)
	}
	n := gen.PutQualityCountParams{TenantID: tx.tenant, ExportID: export, Lines: s.Lines - s.Blank, Refused: s.Quarantined, Questions: int64(len(s.Questions))}
	for _, t := range s.Types {
		n.Broken += t.Verdicts.Errors
	}
	if len(s.Questions) > 0 {
		n.Question = s.Questions[0].Says
		if about := s.Questions[0].About; about != "" {
			n.Question = about + ": " + n.Question
		}
	}
	if err := tx.q.SetQuality(tx.ctx, gen.SetQualityParams{TenantID: tx.tenant, ExportID: export, Summary: string(summary)}); err != nil {
		return err
	}
	return tx.q.PutQualityCount(tx.ctx, n)
}

// Quality gives the summary of an export's quality; nil when there is none.
func (s *Scope) Quality(ctx context.Context, export string) (json.RawMessage, error) {
	text, err := s.store.queries().GetQuality(ctx, gen.GetQualityParams{TenantID: s.tenant, ExportID: export})
	if errors.Is(err, sql.ErrNoRows) || err == nil && text == "" {
		return nil, nil
	}
	if err != nil {
		return nil, Explain(fmt.Errorf("read the quality summary: %w", err))
	}
	return json.RawMessage(text), nil
}

// QualityBefore gives the summary of the last export of x's stream, mode and
// purpose that was complete before x was; nil when there is none.
func (s *Scope) QualityBefore(ctx context.Context, x Export) (json.RawMessage, error) {
	rows, err := s.store.queries().QualityBefore(ctx, gen.QualityBeforeParams{
		TenantID: s.tenant, Stream: x.Stream, Mode: x.Mode, Purpose: string(x.Purpose), EndedAt: ms(x.EndedAt),
	})
	if err != nil {
		return nil, Explain(fmt.Errorf("read the quality summary before: %w", err))
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return json.RawMessage(rows[0]), nil
}

// An ExportRef names an export of any tenant.
type ExportRef struct{ Tenant, Export string }

// UnmadeQuality gives up to limit exports whose summaries were asked for and
// are not there.
func (s *Store) UnmadeQuality(ctx context.Context, limit int64) ([]ExportRef, error) {
	rows, err := s.queries().UnmadeQuality(ctx, limit)
	if err != nil {
		return nil, Explain(fmt.Errorf("list summaries to make: %w", err))
	}
	refs := make([]ExportRef, len(rows))
	for i, r := range rows {
		refs[i] = ExportRef{r.TenantID, r.ExportID}
	}
	return refs, nil
}

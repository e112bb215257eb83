package doctor

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// houseKey says what is wrong with the house key itself.
func (x *Examination) houseKey(context.Context) ([]Finding, error) {
	if x.KeyTrouble == nil {
		return nil, nil
	}
	return []Finding{troubled(x.KeyTrouble)}, nil
}

// troubled is the finding of a problem with keys.
func troubled(err error) Finding {
	p := problem.Of(err)
	f := newFinding(Keys, "%s", p.Summary).next(p.Remedy)
	f.Code = p.Code
	return f
}

// keys looks whether a practice's keys open what they encrypted, and how much
// is not encrypted. Without the first its files are not read.
func (p *patient) keys(ctx context.Context) (found []Finding, err error) {
	if p.Keys == nil {
		return nil, nil
	}
	s, err := p.Keys.Standing(ctx, p.ID)
	switch {
	case err != nil:
		return nil, err
	case s.Destroyed:
		p.Deep = false
		found = append(found, newFinding(Keys, "the practice's keys were destroyed: what they encrypted is noise").of(p.ID, "").as(Notice).
			next("Nothing, if the practice has left. Otherwise bulkhead encryption rotate "+p.ID+"."))
	case s.Trouble != nil:
		p.Deep = false
		if p.KeyTrouble == nil {
			found = append(found, troubled(s.Trouble).of(p.ID, ""))
		}
	}
	plain, err := p.plain(ctx)
	if err == nil && plain > 0 {
		found = append(found, newFinding(Unencrypted, "%s not encrypted", count(plain, "file is", "files are")).of(p.ID, "").as(Notice))
	}
	return found, err
}

// plain counts the practice's files that are not encrypted, where they should be.
func (p *patient) plain(ctx context.Context) (n int, err error) {
	if !p.Keys.On() || p.Options.Files == nil {
		return 0, nil
	}
	scope, err := p.Options.Files.Tenant(p.ID)
	if err != nil {
		return 0, err
	}
	for _, of := range p.exports {
		for _, area := range blob.Areas {
			more, err := plainIn(ctx, scope, area, of)
			if err != nil {
				return n, err
			}
			n += more
		}
	}
	return n, nil
}

func plainIn(ctx context.Context, scope *blob.Scope, area blob.Area, of store.Export) (n int, err error) {
	for e, err := range scope.List(ctx, area, of.ID) {
		if err != nil {
			return n, err
		}
		st, err := scope.Stat(ctx, e.Key)
		if gone, err := missing(err); gone || err != nil {
			if err != nil {
				return n, err
			}
			continue
		}
		if !st.Encrypted {
			n++
		}
	}
	return n, nil
}

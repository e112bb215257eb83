package alert

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// slowFacts are read from files, once an hour; certificates that cannot be used
// each time: whoever renews one writes two files.
type slowFacts struct {
	at           time.Time
	config       *config.Config
	keys         []RegistrationFacts
	certificates []CertificateFacts
}

// of puts them among the facts.
func (s *slowFacts) of(c *config.Config, now time.Time, f *Facts) {
	if s.config != c || now.Sub(s.at) >= time.Hour {
		s.read(c, now)
	}
	if slices.ContainsFunc(s.certificates, func(f CertificateFacts) bool { return f.Unusable != "" }) {
		s.certificates = certificateFacts(c, s.certificates, now)
	}
	f.Registrations, f.Certificates = s.keys, s.certificates
}

func (s *slowFacts) read(c *config.Config, now time.Time) {
	before := s.keys
	s.at, s.config, s.keys = now, c, nil
	for _, name := range slices.Sorted(maps.Keys(c.Registrations)) {
		f := registration(name, c.Registrations[name])
		if i := slices.IndexFunc(before, func(o RegistrationFacts) bool { return o.Name == name }); i >= 0 && f.Unread != "" {
			f.Warnings = before[i].Warnings // nothing says that they are over
		}
		s.keys = append(s.keys, f)
	}
	s.certificates = certificateFacts(c, s.certificates, now)
}

// certificateFacts reads the certificates; before is what was known of them.
func certificateFacts(c *config.Config, before []CertificateFacts, now time.Time) []CertificateFacts {
	var list []CertificateFacts
	for _, file := range keyring.Certificates(c) {
		f := CertificateFacts{Certificate: file}
		life, err := file.Life()
		f.Life = life
		if err != nil {
			f.Unusable, f.Since = problem.Of(err).Summary, now
			if i := slices.IndexFunc(before, func(o CertificateFacts) bool { return o.Field == f.Field && o.Unusable != "" }); i >= 0 {
				f.Since = before[i].Since
			}
		}
		list = append(list, f)
	}
	return list
}

func registration(name string, r config.Registration) RegistrationFacts {
	f := RegistrationFacts{Name: name}
	source, err := keyring.Of(r)
	if err != nil {
		p := problem.Of(err)
		f.Unread = p.Summary
		return f
	}
	warnings, err := source.Warnings()
	if err != nil {
		f.Unread = problem.Of(err).Summary
	}
	for _, w := range warnings {
		f.Warnings = append(f.Warnings, KeyWarning(w))
	}
	return f
}

// budgets remember in which minutes practices nearly spent their requests. The
// ledger counts the present minute only, so it is looked at near its end.
type budgets struct {
	began, last int64 // minutes
	spent       map[string]map[int64]bool
}

const (
	nearEnd    = 50 // second of a minute
	nearlyAll  = 90 // of a hundred requests
	minuteSpan = 60
)

// sample looks at the budgets once a minute.
func (g *gatherer) sample(ctx context.Context, c *config.Config, now time.Time) error {
	minute := now.Unix() / minuteSpan
	if now.Second() < nearEnd || minute == g.budgets.last {
		return nil
	}
	windows, err := g.o.Store.RateWindows(ctx, now)
	if err != nil {
		return err
	}
	if g.budgets.last = minute; g.budgets.began == 0 {
		g.budgets.began = minute
	}
	for _, w := range windows {
		t, err := c.Tenant(w.Tenant)
		if err != nil {
			continue // it is no longer configured
		}
		if limit := int64(c.RequestsPerMinute(t)); limit == 0 || w.Requests*100 < limit*nearlyAll {
			continue
		}
		if g.budgets.spent[w.Tenant] == nil {
			g.budgets.spent[w.Tenant] = map[int64]bool{}
		}
		g.budgets.spent[w.Tenant][minute] = true
	}
	return nil
}

// of gives the spent minutes of the last hour, and since when they are counted.
func (b *budgets) of(tenant string, now time.Time) (int, time.Duration) {
	minute := now.Unix() / minuteSpan
	maps.DeleteFunc(b.spent[tenant], func(m int64, _ bool) bool { return m <= minute-60 || m > minute })
	if b.began == 0 {
		return 0, 0
	}
	b.began = min(b.began, minute) // the clock was ahead
	return len(b.spent[tenant]), time.Duration(minute-b.began) * time.Minute
}

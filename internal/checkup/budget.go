package checkup

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"sync"
	"time"
)

// typicalFiles is the size of an export of which nothing is known.
const typicalFiles = 100

// A spending counts the requests of the present clock minute.
type spending struct {
	mu     sync.Mutex
	minute time.Time
	count  int
	all    int
}

// watch gives a context whose requests are counted.
func (s *spending) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.turn()
		s.count++
		s.all++
	}})
}

// turn begins the count anew in a new minute.
func (s *spending) turn() {
	if now := time.Now().Truncate(time.Minute); !now.Equal(s.minute) {
		s.minute, s.count = now, 0
	}
}

func (s *spending) now() (count, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	return s.count, s.all
}

// wait waits for the next minute when half of this one's requests are spent:
// the other half is for exports that run meanwhile.
func (s *spending) wait(ctx context.Context, limit int) error {
	if count, _ := s.now(); limit == 0 || count < max(limit/2, 1) {
		return nil
	}
	return pause(ctx, time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
}

// budget says what the server permits and what an export takes of it.
func (c *check) budget(ctx context.Context) {
	files, which := int64(typicalFiles), "an export of "+some(typicalFiles, "file")
	if c.Ledger != nil {
		scope := c.Ledger.In(c.Tenant.ID)
		if x, ok, err := scope.LatestCompleted(ctx); err == nil && ok {
			if totals, err := scope.FileTotals(ctx, x.ID); err == nil {
				files, which = totals.Files, fmt.Sprintf("an export of %s, like the last one,", some(int(totals.Files), "file"))
			}
		}
	}
	takes := fmt.Sprintf("%s takes about %d requests and a token every few minutes", which, files+4)
	count, all := c.spent.now()
	limit := c.Config.RequestsPerMinute(c.Tenant)
	if limit == 0 {
		c.good("budget", "no limit is known", fmt.Sprintf("this check took %d", all), takes)
		return
	}
	if c.Ledger != nil { // others may work on it too
		if n, err := c.Ledger.In(c.Tenant.ID).Spent(ctx, c.Tenant.FHIRBaseURL); err == nil {
			count = int(n)
		}
	}
	minutes := (files + 4 + int64(limit) - 1) / int64(limit)
	c.good("budget", fmt.Sprintf("%d requests a minute, %d left in this one", limit, max(limit-count, 0)), takes+", at least "+some(int(minutes), "minute"))
}

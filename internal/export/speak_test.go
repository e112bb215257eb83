package export

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestWhatAServerIsIsAskedOnceForAKickoff(t *testing.T) {
	spent := &Later{Until: time.Now().Add(time.Minute), Held: store.HeldByServer}
	away := &Later{Until: time.Now().Add(time.Minute), Held: store.HeldByCircuit}
	for what, c := range map[string]struct {
		fails []error // one answer after the other
		asked int     // by so many turns of the step
		waits int     // of those turns
	}{
		"it answers that there is nothing":    {[]error{status(404)}, 1, 0},
		"the minute is spent, then there is":  {[]error{spent, status(404)}, 2, 1},
		"every minute is spent":               {[]error{spent, spent}, 2, 1},
		"it is away":                          {[]error{away, away, away, status(404)}, 4, 3},
		"the network breaks, and it is asked": {[]error{errors.New("reset"), errors.New("reset"), status(404)}, 3, 0},
	} {
		t.Run(what, func(t *testing.T) {
			w, s := stepOf(t, Kickoff, lakeside)
			asked, waits := 0, 0
			client, err := bulkdata.New(bulkdata.Config{BaseURL: "https://lakeside.example/fhir", HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				asked++
				fails := c.fails[min(asked, len(c.fails))-1]
				if of, ok := errors.AsType[*bulkdata.StatusError](fails); ok {
					return &http.Response{StatusCode: of.Status, Body: http.NoBody, Header: http.Header{}}, nil
				}
				return nil, fails
			})}})
			if err != nil {
				t.Fatal(err)
			}
			for range 6 {
				if _, _, err := s.speak(t.Context(), &s.Config.Tenants[0], w, client); isLater(err) {
					waits++
				}
			}
			if asked != c.asked || waits != c.waits {
				t.Errorf("it was asked %d times in six turns, of which %d wait; want %d and %d", asked, waits, c.asked, c.waits)
			}
		})
	}
}

func status(code int) error { return &bulkdata.StatusError{Status: code} }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

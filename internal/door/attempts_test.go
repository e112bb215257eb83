package door

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// from makes a request that comes from an address.
func from(t *testing.T, address string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sign-in", nil)
	r.RemoteAddr = address
	return r
}

func TestAStrangerDoesNotShutOutAPersonWhoIsKnown(t *testing.T) {
	t.Attr("asvs", "2.2.1")
	d := newDoors()
	home := from(t, "192.0.2.1:1000")
	if !d.try("anna", home) {
		t.Fatal("the first attempt was refused")
	}
	d.welcome("anna", home)
	taken := 0
	for i := range 500 { // from many places
		if d.try("anna", from(t, fmt.Sprintf("198.51.%d.%d:1000", i/200, i%200))) {
			taken++
		}
	}
	if taken > nameBurst+1 {
		t.Errorf("%d guesses of one name were taken", taken)
	}
	if !d.try("anna", home) {
		t.Error("a person was shut out from where they have been")
	}
	if !d.try("bert", from(t, "203.0.113.7:1000")) {
		t.Error("somebody else was shut out")
	}
}

func TestGuessesAreFewInAnHour(t *testing.T) {
	t.Attr("asvs", "2.2.1")
	synctest.Test(t, func(t *testing.T) {
		d := newDoors()
		home, taken := from(t, "192.0.2.1:1000"), 0
		d.welcome("anna", home) // the guesser sits beside her
		for range 3600 {
			for i := range 3 {
				at := home
				if i > 0 {
					at = from(t, fmt.Sprintf("198.51.100.%d:1000", i))
				}
				if d.try("anna", at) {
					taken++
				}
			}
			<-time.After(time.Second)
		}
		if taken > 100 {
			t.Errorf("%d guesses of one name in an hour", taken)
		}
	})
}

func TestOneHolderOfAnIPv6NetworkHasOneDoor(t *testing.T) {
	d, taken := newDoors(), 0
	for i := range 3 * addressBurst {
		if d.try(fmt.Sprint("name", i), from(t, fmt.Sprintf("[2001:db8:1:2::%x]:1000", i+1))) {
			taken++
		}
	}
	if taken > addressBurst+1 {
		t.Errorf("%d attempts from one network", taken)
	}
	for in, want := range map[string]string{
		"[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[::ffff:192.0.2.1]:1": "192.0.2.1", "192.0.2.1:1": "192.0.2.1", "[fe80::1%eth0]:1": "fe80::/64", "a pipe": "a pipe",
	} {
		if got := network(from(t, in)); got != want {
			t.Errorf("%s is of %s", in, got)
		}
	}
}

func TestDoorsForgetBeforeTheyFillTheMemory(t *testing.T) {
	d := newDoors()
	for i := range doorsAtMost + doorsAtMost/8 {
		r := from(t, fmt.Sprintf("198.%d.%d.%d:1", 51+i/65536, i/256%256, i%256))
		d.try(fmt.Sprint(i), r)
		d.welcome(fmt.Sprint(i), r)
	}
	if len(d.addresses) > doorsAtMost-doorsAtMost/8 { // the last time that they were full was long ago
		t.Errorf("%d of %d doors are held: room is made for one at a time, and each attempt looks at all of them", len(d.addresses), doorsAtMost)
	}
	if len(d.addresses) > doorsAtMost || len(d.pairs) > doorsAtMost || len(d.names) > doorsAtMost || len(d.known) > doorsAtMost {
		t.Errorf("%d, %d, %d, %d are held", len(d.addresses), len(d.pairs), len(d.names), len(d.known))
	}
}

func TestPasswordsAreCheckedInTurnAndFewWait(t *testing.T) {
	t.Attr("asvs", "11.1.4")
	synctest.Test(t, func(t *testing.T) {
		d, busy := newDesk(), make(chan struct{})
		var all sync.WaitGroup
		for range waitingAtMost {
			all.Go(func() {
				if err := d.take(t.Context(), func() { <-busy }); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := d.take(t.Context(), func() { t.Error("it was let in") }); !errors.Is(err, errCrowd) {
			t.Errorf("one too many: %v", err)
		}
		close(busy)
		all.Wait()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		d.turn <- struct{}{}
		if err := d.take(gone, func() { t.Error("work for nobody") }); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestWhoIsRefusedAtTheDoorIsInTheLogNowAndThen(t *testing.T) {
	t.Attr("asvs", "7.2.1 7.1.1")
	var log strings.Builder
	h := newHouse(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	h.person("anna", "viewer")
	v := h.visit()
	for range addressBurst + 100 {
		v.post("/sign-in", "name", "anna", "password", "a guess of hers")
	}
	h.server.Close()
	if n := strings.Count(log.String(), "too many attempts"); n == 0 || n > 30 {
		t.Errorf("%d lines", n)
	}
	if strings.Contains(log.String(), "a guess of hers") {
		t.Error("the log has what was typed")
	}
}

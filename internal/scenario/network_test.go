package scenario_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// joined gives both ends of a connection.
func joined(t *testing.T) (client, server net.Conn) {
	t.Helper()
	n := scenario.NewNetwork()
	l, err := n.ListenOn("a.test:443")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	if client, err = n.Dial(t.Context(), "tcp", "a.test:443"); err != nil {
		t.Fatal(err)
	}
	return client, <-accepted
}

func TestWhatIsWrittenIsReadThenTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := joined(t)
		text := strings.Repeat("more than fits on the way. ", 100_000)
		go func() {
			if _, err := io.WriteString(client, text); err != nil {
				t.Error(err)
			}
			client.Close()
		}()
		got, err := io.ReadAll(server)
		if err != nil || string(got) != text {
			t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
		}
		if _, err := server.Write([]byte("too late")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("writing to a closed connection gives %v", err)
		}
		server.Close()
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("reading a connection after closing it gives %v", err)
		}
	})
}

func TestADeadlineEndsAWaitAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := joined(t)
		defer server.Close()
		defer client.Close()
		began := time.Now()
		client.SetReadDeadline(began.Add(time.Minute))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("a read ended after %v with %v", time.Since(began), err)
		}
		client.SetWriteDeadline(time.Now().Add(time.Hour))
		if _, err := client.Write(make([]byte, 10<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Hour+time.Minute {
			t.Errorf("a write ended after %v with %v", time.Since(began), err)
		}
		client.SetDeadline(time.Time{})
		if _, err := server.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		if _, err := client.Write([]byte{1}); err != nil {
			t.Errorf("a deadline that was taken back ends a write: %v", err)
		}
	})
}

func TestAResetLosesWhatWasOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := joined(t)
		defer client.Close()
		if _, err := server.Write([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		if err := server.(interface{ SetLinger(sec int) error }).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		server.Close()
		if n, err := client.Read(make([]byte, 8)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %d bytes, %v", n, err)
		}
	})
}

func TestHostsAreMissingRefusingOrThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := scenario.NewNetwork()
		l, err := n.Listen("storage")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Listen("storage"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a port was given twice: %v", err)
		}
		dial := func(addr string) error {
			_, err := n.Dial(t.Context(), "tcp", addr)
			return err
		}
		if dns, ok := errors.AsType[*net.DNSError](dial("nowhere.test:443")); !ok || !dns.IsNotFound {
			t.Error("a host that is not there was found")
		}
		if err := dial("storage.ehr.test:80"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a closed port gives %v", err)
		}
		n.Down("storage.ehr.test", true)
		if err := dial("storage.ehr.test:443"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a host that is down gives %v", err)
		}
		l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed listener gives %v", err)
		}
		if got := n.Dialled("storage.ehr.test"); got != 2 {
			t.Errorf("%d attempts, want 2", got)
		}
	})
}

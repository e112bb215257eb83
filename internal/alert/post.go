package alert

import (
	"context"
	"errors"
	"net"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// within is how long a service may take for a message.
const within = 10 * time.Second

// Post sends a message to the service that the route's address names. It waits
// for the service for ten seconds at most. Its error names neither the address
// nor anything of it.
func Post(ctx context.Context, route config.AlertRoute, n store.Notice) error {
	address, err := route.URL()
	if err != nil {
		return errors.New("its address cannot be read")
	}
	service, err := (&router.ServiceRouter{}).Locate(address.Reveal())
	if err != nil {
		return errors.New("its address is none that shoutrrr knows")
	}
	return call(ctx, service, eventsOf(schemeOf(address.Reveal()), n))
}

// call makes the calls of a message, one after another.
func call(ctx context.Context, service types.Service, events []event) error {
	by, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for _, e := range events {
		answer := make(chan error, 1) // the library knows no context: what comes too late is dropped
		go func() { answer <- service.Send(e.text, &e.params) }()
		select {
		case err := <-answer:
			if err != nil {
				return reason(err)
			}
		case <-by.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return errSilent
		}
	}
	return nil
}

// untitled are services that have no place for a title, or ignore it.
var untitled = map[string]bool{
	"googlechat": true, "rocketchat": true, "signal": true, "wecom": true, "mattermost": true, "zulip": true, "notifiarr": true, "logger": true, "hangouts": true,
}

func schemeOf(address string) string {
	scheme, _, _ := strings.Cut(address, ":")
	scheme, _, _ = strings.Cut(scheme, "+")
	return strings.ToLower(scheme)
}

// known reports whether an address is one that can be sent to. Nothing is sent.
func known(address string) error {
	if _, err := router.New(nil, address); err != nil {
		return errors.New("its address is none that shoutrrr knows")
	}
	return nil
}

// Check reports whether the route's address can be read and names a service,
// without sending anything.
func Check(route config.AlertRoute) error {
	address, err := route.URL()
	if err != nil || route.Log {
		return err
	}
	return known(address.Reveal())
}

// errSilent is that a service let the time of a message run out.
var errSilent = errors.New("the service did not answer in time")

var status = regexp.MustCompile(`(?:^|[^:.0-9])([45][0-9]{2})\b`) // and no port

// reason says in our words why a message did not leave. The library's own text
// is never passed on: it quotes the address, which is a secret.
func reason(err error) error {
	if err == nil {
		return nil
	}
	text := strings.ToLower(err.Error())
	if u, ok := errors.AsType[*url.Error](err); ok {
		text = strings.ToLower(u.Err.Error())
	}
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, router.ErrServiceTimeout) || isNet && timeout.Timeout() || strings.Contains(text, "timeout") || strings.Contains(text, "timed out"):
		return errSilent
	case errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(text, "connection refused"):
		return errors.New("nothing listens at the service's address")
	case strings.Contains(text, "no such host"):
		return errors.New("the name of the service does not resolve")
	case strings.Contains(text, "no route to host") || strings.Contains(text, "unreachable") || strings.Contains(text, "connection reset"):
		return errors.New("the service cannot be reached")
	case strings.Contains(text, "certificate") || strings.Contains(text, "x509"):
		return errors.New("the service's certificate is not trusted")
	case strings.Contains(text, "auth"):
		return errors.New("the service refused our credentials")
	}
	if found := status.FindStringSubmatch(text); found != nil {
		return errors.New("the service answered " + found[1])
	}
	return errors.New("the service did not take it")
}

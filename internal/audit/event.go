package audit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"strings"
	"unicode"
	"unicode/utf8"
)

// House is the chain of what belongs to no practice: keys of a registration,
// the configuration as a whole, people who sign in.
const House = ""

// Service is the actor of what bulkhead does by itself.
const Service = "bulkhead"

// The outcomes of an event.
const (
	Done    = "done"    // it happened
	Allowed = "allowed" // a rule permits it
	Refused = "refused" // a rule, or the server, forbids it
	Failed  = "failed"  // it was tried
)

// An Event is something to put on record. Every text is an id, a code or a
// name of ours, or what a person gave as a reason: nothing of a patient, no
// secret, no query of a URL.
type Event struct {
	Action  Action
	Export  string         // the export it is about; empty for none
	Object  string         // the file, sink, key, ... it was done to
	Outcome string         // Done, Allowed, Refused or Failed; empty: Done
	Reason  string         // of a person's, or the code of a problem
	Rule    string         // the rule that decided
	Facts   map[string]any // counts, codes and hashes: strings, whole numbers, lists of strings

	Actor string // empty: that of the context
}

// An Identity is who acts, and from where.
type Identity struct {
	Actor   string // Service, or a person's name on this machine or in its directory
	Source  string // the address it came from; "local" for a command on this machine
	Request string // id of the request, where there is one
}

type identityKey struct{}

// As gives a context in which what is recorded is done by who.
func As(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}

// By gives who acts in ctx: Service where nobody was named.
func By(ctx context.Context) Identity {
	who, _ := ctx.Value(identityKey{}).(Identity)
	who.Actor = cmp.Or(who.Actor, Service)
	return who
}

// Person gives the identity of the user who runs a command on this machine.
// One who became another by sudo is named by both.
func Person() Identity {
	name := fmt.Sprintf("uid-%d", os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if by := os.Getenv("SUDO_USER"); by != "" && by != name {
		name = by + " as " + name
	}
	return Identity{Actor: Line(name), Source: "local"}
}

// longest is how many bytes of a text are recorded.
const longest = 1000

// Line makes one line of a text of bounded length: control characters and what
// is no UTF-8 become spaces.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	if len(text) <= longest {
		return text
	}
	cut := longest
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

// URL gives a URL as it may stand in the record: without query, fragment and
// user. What is no URL is left out.
func URL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment, u.User = "", false, "", "", nil
	return Line(u.String())
}

// factsText gives facts as they are hashed and kept: JSON on one line, its
// keys sorted; empty without any.
func factsText(facts map[string]any) (string, error) {
	if len(facts) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(facts); err != nil {
		return "", fmt.Errorf("write the facts of an event: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

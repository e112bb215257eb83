package keyring

import (
	"fmt"
	"os"
	"time"
)

// OldAge is the age at which a key is to be rotated.
const OldAge = 365 * 24 * time.Hour

// notice is how long before a date a warning comes.
const notice = 30 * 24 * time.Hour

// A Warning is something about keys that a person should see to.
type Warning struct {
	KeyID string // empty when it is about the registration
	About string // what of the registration: nothing that signs, a key's last day (empty), or a file that others can read
	Text  string // what it is, and what to do
}

// Warnings lists what a person should see to now: keys that are old, that end
// soon, that others can read, that wait for a confirmation, and keys whose time
// is over. A ring that others can read is not warned of but refused.
func (s *Source) Warnings() ([]Warning, error) {
	now := time.Now()
	standings, err := s.Standings()
	if err != nil {
		return nil, err
	}
	var list []Warning
	add := func(kid, format string, args ...any) {
		list = append(list, Warning{KeyID: kid, Text: fmt.Sprintf(format, args...)})
	}
	signs := false
	for _, k := range standings {
		switch k.State {
		case Signing:
			signs = true
			due := k.Created.Add(OldAge)
			switch {
			case k.Created.IsZero():
			case !now.Before(due):
				add(k.KeyID, "it is older than a year, since %s: rotate it", day(due))
			case now.Add(notice).After(due):
				add(k.KeyID, "it will be a year old on %s: rotate it until then", day(due))
			}
		case Pending:
			add(k.KeyID, "it waits since %s: give the vendor its public part, then confirm", day(k.Since))
		case Over:
			add(k.KeyID, "its time is over: the next rotation removes it")
		case Published, Retired, Disabled:
		}
	}
	if !signs {
		list = append(list, Warning{About: "signing", Text: "no key may sign now"})
	}
	if text := s.expiry(now); text != "" {
		add("", "%s", text)
	}
	if path := s.registration.KeyFile; path != "" {
		if stat, err := os.Stat(path); err == nil {
			if p := exposed(path, stat); p != nil {
				list = append(list, Warning{About: "file", Text: p.Summary + ": " + p.Remedy})
			}
		}
	}
	return list, nil
}

// expiry warns of the day on which the vendor stops taking the key.
func (s *Source) expiry(now time.Time) string {
	ends := s.registration.KeyExpires.Time
	switch {
	case ends.IsZero() || now.Add(notice).Before(ends):
		return ""
	case now.Before(ends):
		return "the vendor takes the key until " + day(ends) + " only: rotate it"
	}
	return "the vendor does not take the key any more, since " + day(ends) + ": rotate it"
}

func day(t time.Time) string { return t.Local().Format(time.DateOnly) }

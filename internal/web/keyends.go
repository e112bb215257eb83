package web

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// keyEnds are the dates of signing keys and certificates. They stand in files,
// which are read once a minute at most. Its zero value has read none.
type keyEnds struct {
	mu     sync.Mutex
	at     time.Time
	config *config.Config
	list   []deadline
}

// keysReadFor is how long what was read of keys counts.
const keysReadFor = time.Minute

// of gives the dates of a configuration's keys and certificates.
func (k *keyEnds) of(c *config.Config, now time.Time) []deadline {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.config == c && now.Sub(k.at) < keysReadFor {
		return slices.Clone(k.list)
	}
	k.config, k.at, k.list = c, now, nil
	for _, name := range slices.Sorted(maps.Keys(c.Registrations)) {
		k.list = append(k.list, endsOfKeys(name, c.Registrations[name], now)...)
	}
	for _, file := range keyring.Certificates(c) {
		k.list = append(k.list, endOfCertificate(file, now))
	}
	return slices.Clone(k.list)
}

// endOfCertificate gives the date of a certificate.
func endOfCertificate(file keyring.Certificate, now time.Time) deadline {
	d := deadline{Kind: "certificate", Who: config.ContactUs}
	life, err := file.Life()
	if err != nil {
		p := problem.Of(err)
		d.At, d.Says, d.Do = now, p.Summary, p.Remedy
		return d
	}
	d.At, d.Says = life.Ends, file.What+" is no longer good"
	d.Do = "Put a new one at " + file.Field + ", with its key beside it: it is taken up by itself."
	if file.HandedOver() {
		d.Do = "Renew it where the service's credentials come from, and restart the service."
	}
	if file.Key == "" {
		d.Do = "Put its successor into the file of " + file.Field + " and restart."
	}
	return d
}

// endsOfKeys gives the dates of the keys of one registration.
func endsOfKeys(name string, r config.Registration, now time.Time) []deadline {
	d := deadline{Kind: "key", Who: config.ContactUs, Do: "Rotate it with bulkhead keys rotate " + name + ": no export pauses for it."}
	source, err := keyring.Of(r)
	if err != nil {
		p := problem.Of(err)
		d.At, d.Says, d.Do = now, "registration "+name+": "+p.Summary, p.Remedy
		return []deadline{d}
	}
	standings, err := source.Standings()
	if err != nil {
		p := problem.Of(err)
		d.At, d.Says, d.Do = now, "registration "+name+": "+p.Summary, p.Remedy
		return []deadline{d}
	}
	var list []deadline
	if ends := r.KeyExpires.Time; !ends.IsZero() {
		d := d
		d.At, d.Says = ends, "registration "+name+": the vendor takes its key no longer"
		list = append(list, d)
	}
	for _, k := range standings {
		d := d
		switch {
		case k.State == keyring.Signing && !k.Created.IsZero():
			d.At, d.Says = k.Created.Add(keyring.OldAge), "key "+k.KeyID+" of registration "+name+" is a year old"
		case k.State == keyring.Pending:
			d.At, d.Says = k.Since, "key "+k.KeyID+" of registration "+name+" waits for the vendor to have it"
			d.Do = "Give the vendor its public part (bulkhead keys jwks " + name + "), then run bulkhead keys rotate " + name + " --confirm."
		default:
			continue
		}
		list = append(list, d)
	}
	return list
}

// Package population makes up the patients of a practice: a synthetic,
// longitudinal record of every resource type that an eClinicalWorks export
// offers, in the shape of US Core 6.1.0, for an EHR to practise on.
//
// Everything is a pure function of a [Config] and of the time that the caller
// names. Nothing is stored: a resource's bytes follow from the seed, its type
// and its place, so any shard of any type can be written on its own, in
// constant memory, and two processes write the same bytes. The package reads
// no clock, opens no file and starts no goroutine. People, addresses, numbers and
// accounts are made up at random; a likeness to real ones is chance.
//
// https://hl7.org/fhir/us/core/STU6.1/
package population

import (
	"fmt"
	"iter"
	"time"
)

// An IDStyle says what resource ids look like.
type IDStyle int

const (
	// Sequential ids count from 1: "1", "2" for patients and for what belongs
	// to the practice, "12-3" and "12-3-4" for the record of patient 12. Two
	// practices share them, though their patients are different people.
	Sequential IDStyle = iota
	// UUID ids are well mixed and differ from practice to practice.
	UUID
)

// A Config describes a practice. Negative numbers count as zero.
type Config struct {
	// Seed and Practice (a name, also shown in the records) decide everything
	// else: practices that differ in either share no patient.
	Seed     uint64
	Practice string
	// Patients is how many people have joined by the epoch.
	Patients int
	// Start is when the practice opened and Epoch when its live clock begins:
	// between the two its record grows to the full size, after it the rates
	// below hold. Zero values mean 2016-01-04 and 2026-01-05, both UTC. An
	// epoch less than a year after the start is moved to a year after it.
	Start, Epoch time.Time
	// IDs is the style of resource ids.
	IDs IDStyle
	// VisitsPerPatient and ObservationsPerPatient are means at the epoch, met
	// to about a tenth. Zero means 10 visits and 100 observations.
	VisitsPerPatient, ObservationsPerPatient float64
	// ChangeRate is the share of resources that are edited in a simulated day
	// after the epoch, from 0 to 1: at 0.005 a week moves about one in thirty.
	ChangeRate float64
	// DeleteRate is the share of resources that nothing refers to which are
	// deleted in a simulated day after the epoch. Whole visits go at a tenth of
	// it, with all that belongs to them.
	DeleteRate float64
	// PatientDeleteRate is the share of patients that are deleted, with their
	// whole record, in a simulated day after the epoch.
	PatientDeleteRate float64
	// JoinRate is the number of new patients in a simulated day after the
	// epoch, as a share of Patients.
	JoinRate float64
	// MissingLastUpdated is the share of resources without meta.lastUpdated,
	// from 0 to 1.
	MissingLastUpdated float64
	// Canary is a word put into the names, addresses and notes of patients, so
	// that a test can look for it where it must not be.
	Canary string
	// GroupIdentifier is the Group.identifier of the group of all patients.
	// Empty means a UUID that follows from Seed and Practice.
	GroupIdentifier string
}

// A Population is a practice, or a shard of one. It is immutable and safe for
// concurrent use.
type Population struct {
	config       Config
	seed         uint64
	start        int64
	epoch        int64
	interval     float64 // mean time between two visits in milliseconds
	observations float64 // mean observations of a visit
	pace         pace
	zone         *zone
	town         town
	shard, of    int
}

// New returns the practice that c describes.
func New(c Config) *Population {
	c = c.withDefaults()
	seed := hashName(c.Seed, c.Practice)
	p := &Population{
		config: c, seed: seed, of: 1,
		start: c.Start.UnixMilli(), epoch: c.Epoch.UnixMilli(),
		pace: newPace(c.Epoch, c.ChangeRate),
	}
	// Tenures are spread evenly over the years from start to epoch, and visits
	// over a patient's tenure; 1.1 undoes the spread of patients' own rhythms.
	p.interval = max(float64(p.epoch-p.start)/2/c.VisitsPerPatient*1.1, float64(day))
	p.observations = max(1, c.ObservationsPerPatient/c.VisitsPerPatient)
	p.town = towns[seed%uint64(len(towns))]
	p.zone = newZone(p.town.zone)
	return p
}

func (c Config) withDefaults() Config {
	c.Patients = max(c.Patients, 0)
	if c.Start.IsZero() {
		c.Start = time.Date(2016, 1, 4, 0, 0, 0, 0, time.UTC)
	}
	if c.Epoch.IsZero() {
		c.Epoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	}
	if earliest := c.Start.AddDate(1, 0, 0); c.Epoch.Before(earliest) {
		c.Epoch = earliest
	}
	if c.VisitsPerPatient <= 0 {
		c.VisitsPerPatient = 10
	}
	if c.ObservationsPerPatient <= 0 {
		c.ObservationsPerPatient = 100
	}
	for _, rate := range []*float64{&c.ChangeRate, &c.DeleteRate, &c.PatientDeleteRate, &c.JoinRate, &c.MissingLastUpdated} {
		*rate = max(*rate, 0)
	}
	return c
}

// Config returns the configuration with its defaults filled in.
func (p *Population) Config() Config { return p.config }

// Types returns the resource types that every population offers, in
// alphabetical order, in a new slice.
func Types() []string {
	return append([]string(nil), typeNames[:]...)
}

// Shard returns the i-th of n disjoint parts of p, counted from 0, whose union
// is p. Each patient's record lies in one part, and the parts are of about the
// same size. It panics unless 0 <= i < n.
func (p *Population) Shard(i, n int) *Population {
	if i < 0 || i >= n {
		panic(fmt.Sprintf("population: shard %d of %d", i, n))
	}
	s := *p
	s.shard, s.of = p.shard+i*p.of, p.of*n
	return &s
}

// Resources yields the resources of a type that exist at until and have
// changed after since, each as one JSON text without a line end, always in the
// same order. A zero since stands before all changes. The bytes are valid until the next step of the
// iteration. Only a type that [Types] does not list gives an error, as the only
// element.
func (p *Population) Resources(resourceType string, since, until time.Time) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		k, err := kindOf(resourceType)
		if err != nil {
			yield(nil, err)
			return
		}
		c := p.cursor(k, newWindow(since, until))
		c.walk(func(part *part, l life) bool {
			var current bool
			if c.st, current = p.pace.at(l, c.h, c.win); !current {
				return true
			}
			c.write(part)
			return yield(c.b, nil)
		})
	}
}

// Count returns how many resources Resources yields, without writing them: it
// looks at tens of millions a second. It is zero for a type that [Types] does not list.
func (p *Population) Count(resourceType string, since, until time.Time) int {
	k, err := kindOf(resourceType)
	if err != nil {
		return 0
	}
	n := 0
	c := p.cursor(k, newWindow(since, until))
	c.walk(func(_ *part, l life) bool {
		if _, current := p.pace.at(l, c.h, c.win); current {
			n++
		}
		return true
	})
	return n
}

// Deleted yields the ids of the resources of a type that were deleted after
// since and up to until, whether or not they existed at since. With a zero
// since it yields every deletion so far.
func (p *Population) Deleted(resourceType string, since, until time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
		k, err := kindOf(resourceType)
		if err != nil {
			return
		}
		c := p.cursor(k, newWindow(since, until))
		c.removed = true
		c.walk(func(_ *part, l life) bool {
			if l.created >= l.deleted || l.deleted <= c.win.since || l.deleted > c.win.until {
				return true
			}
			c.b = c.b[:0]
			c.id(c.key)
			return yield(string(c.b))
		})
	}
}

// GroupID is the id of the Group of all patients, and its identifier.
func (p *Population) GroupID() (id, identifier string) {
	c := p.cursor(kindGroup, window{})
	c.id(c.keyOf(kindGroup, 0))
	return string(c.b), p.groupIdentifier()
}

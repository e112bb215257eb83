package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// sweepAfter is the age at which a file that belongs to nothing is removed: no
// process can still be about to refer to it.
const sweepAfter = time.Hour

// A Plan says how a new key comes into use.
type Plan struct {
	Algorithm  smart.Algorithm
	Registered Registered
	// MaxAge is how long servers may keep a copy of the published set.
	MaxAge time.Duration
	// Served says that the published set is read from this very folder, so that
	// a key is published as soon as it is there. Otherwise a person publishes
	// it and confirms that.
	Served bool
}

// Generate makes a new key and adds it. The first key of a ring signs at once:
// it is registered before it is used. Every other one follows the plan.
func (r *Ring) Generate(p Plan) (Standing, error) {
	k, err := generate(p.Algorithm)
	if err != nil {
		return Standing{}, err
	}
	return r.Add(k, p)
}

// generate makes a key whose id no command takes for a flag.
func generate(alg smart.Algorithm) (*smart.Key, error) {
	for {
		k, err := smart.GenerateKey(alg)
		if err != nil || !strings.HasPrefix(k.ID(), "-") {
			return k, err
		}
	}
}

// Add adds a key that was made elsewhere, as Generate does. An id that the ring
// has or had is refused.
func (r *Ring) Add(k *smart.Key, p Plan) (Standing, error) {
	list, err := r.entries()
	if err != nil {
		return Standing{}, err
	}
	now := time.Now()
	for _, e := range list {
		if e.KeyID == k.ID() {
			return Standing{}, problem.New(problem.Usage, "the ring has a key "+k.ID()+" already", "Make a new key; ids are never used twice.")
		}
	}
	rec := record{
		KeyID: k.ID(), Algorithm: k.Algorithm(), Registered: p.Registered,
		MaxAge: int64(min(p.MaxAge, longestAge) / time.Second), Created: now.UTC(),
	}
	switch {
	case len(list) == 0:
		rec.Published, rec.Activated = now.UTC(), now.UTC()
	case p.Registered == ByURL && p.Served:
		rec.Published, rec.Activated = now.UTC(), now.Add(p.MaxAge).UTC()
	}
	if err := r.add(list, k, rec); err != nil {
		return Standing{}, err
	}
	return r.standing(k.ID(), now)
}

// Rotate adds a successor of the key that signs, of the same algorithm unless
// the plan names one. Only one successor can be on its way.
func (r *Ring) Rotate(p Plan) (Standing, error) {
	list, err := r.entries()
	if err != nil {
		return Standing{}, err
	}
	now, l := time.Now(), timeline(list)
	if p.Algorithm == "" {
		if p.Algorithm, err = l.algorithm(now); err != nil {
			return Standing{}, err
		}
	}
	for _, e := range l.in(now, Pending, Published) {
		switch s := l.standing(e, now); {
		case e.Algorithm != p.Algorithm:
		case s.State == Pending:
			return Standing{}, problem.New(problem.Usage, "a successor waits already: key "+e.KeyID,
				"Give the vendor its public part (bulkhead keys jwks), and run the command with --confirm when it has it; or disable that key.")
		default:
			return Standing{}, problem.New(problem.Usage, fmt.Sprintf("a successor is on its way already: key %s signs from %s", e.KeyID, s.Until.Local().Format("2006-01-02 15:04")),
				"Nothing is to be done; rotate again after that, or disable that key.")
		}
	}
	if _, err := r.Prune(); err != nil {
		return Standing{}, err
	}
	return r.Generate(p)
}

// algorithm is that of the keys that sign, or of the last one that did.
func (l timeline) algorithm(now time.Time) (smart.Algorithm, error) {
	signing := l.signing(now)
	switch {
	case len(signing) > 1:
		return "", problem.New(problem.Usage, "the registration has keys of two algorithms", "Say which one is rotated: --algorithm RS384 or ES384.")
	case len(signing) == 1:
		return signing[0].Algorithm(), nil
	case len(l) > 0:
		return l[len(l)-1].Algorithm, nil
	}
	return smart.RS384, nil
}

// Confirm says that the vendor has the successors that wait for it: in a key
// set that it keeps, they sign at once; at a URL, when no older copy of the set
// can be left.
func (r *Ring) Confirm() ([]Standing, error) {
	list, err := r.entries()
	if err != nil {
		return nil, err
	}
	now, l := time.Now(), timeline(list)
	waiting := l.in(now, Pending)
	if len(waiting) == 0 {
		return nil, problem.New(problem.Usage, "no key waits for a confirmation", "Make a successor first: run the command without --confirm.")
	}
	var confirmedNow []Standing
	for _, e := range waiting {
		p := publication{Published: now.UTC(), Activated: now.UTC()}
		if e.Registered == ByURL {
			p.Activated = now.Add(time.Duration(e.MaxAge) * time.Second).UTC()
		}
		if err := r.note(e, confirmed, p); err != nil {
			return nil, err
		}
		s, err := r.standing(e.KeyID, now)
		if err != nil {
			return nil, err
		}
		confirmedNow = append(confirmedNow, s)
	}
	return confirmedNow, nil
}

// Disable takes a key out of use and out of the published set at once, for
// good. Its file stays until Prune. It reports false for a key that the ring
// does not have.
func (r *Ring) Disable(kid string) (bool, error) {
	list, err := r.entries()
	if err != nil {
		return false, err
	}
	for _, e := range list {
		switch {
		case e.KeyID != kid:
			continue
		case !e.disabled.IsZero():
			return true, nil
		}
		return true, r.note(e, disabled, disabling{Disabled: time.Now().UTC()})
	}
	return false, nil
}

// Prune removes keys that are not published any more, the private part of
// disabled ones, and what was left by processes that died. It returns the ids
// of keys that are gone. The record of a disabled key stays, so that its id
// cannot come back.
func (r *Ring) Prune() ([]string, error) {
	list, err := r.entries()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return nil, unwritable(err)
	}
	defer root.Close()
	now, l := time.Now(), timeline(list)
	var gone, files []string
	inUse := map[string]bool{}
	for _, e := range list {
		switch l.standing(e, now).State {
		case Over:
			gone = append(gone, e.KeyID)
			files = append(files, numbered(e.number, ""), numbered(e.number, confirmed), e.File)
		case Disabled:
			if _, err := root.Stat(e.File); err == nil {
				gone = append(gone, e.KeyID)
			}
			files = append(files, e.File)
		default:
			inUse[e.File] = true
		}
	}
	left, err := leftovers(root, inUse, now)
	if err != nil {
		return nil, unwritable(err)
	}
	for _, name := range slices.Concat(files, left) {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, unwritable(err)
		}
	}
	return gone, nil
}

// leftovers lists old files of ours that no record refers to.
func leftovers(root *os.Root, inUse map[string]bool, now time.Time) ([]string, error) {
	files, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, f := range files {
		ours := keyFile.MatchString(f.Name()) || strings.HasPrefix(f.Name(), ".tmp-")
		if stat, err := f.Info(); err == nil && ours && !inUse[f.Name()] && now.Sub(stat.ModTime()) > sweepAfter {
			list = append(list, f.Name())
		}
	}
	return list, nil
}

// Standings tells where every key stands, the oldest first.
func (r *Ring) Standings() ([]Standing, error) {
	list, err := r.entries()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	standings := make([]Standing, len(list))
	for i, e := range list {
		standings[i] = timeline(list).standing(e, now)
	}
	return standings, nil
}

func (r *Ring) standing(kid string, now time.Time) (Standing, error) {
	list, err := r.entries()
	if err != nil {
		return Standing{}, err
	}
	for _, e := range list {
		if e.KeyID == kid {
			return timeline(list).standing(e, now), nil
		}
	}
	return Standing{}, damaged(r.dir, errors.New("the new key is not there"))
}

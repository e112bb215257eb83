package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// FileKnobs is how output files are fetched.
type FileKnobs struct {
	Access   Access        `yaml:"access"`
	LinkLife time.Duration `yaml:"linkLife"` // how long a link to the storage works; 0 means for ever
	Ranges   bool          `yaml:"ranges"`   // Range and ETag are served
	Gzip     bool          `yaml:"gzip"`     // gzip when asked for
}

// Access is how output files are fetched.
type Access string

// The ways to output files. The storage is a third origin, which knows no
// tokens and refuses a request that brings one.
const (
	AccessBearer    Access = ""          // from the FHIR server, with a token
	AccessRedirect  Access = "redirect"  // the FHIR server, after checking the token, answers 307 to the storage
	AccessPresigned Access = "presigned" // the manifest names the storage; requiresAccessToken is false
)

func (k FileKnobs) clone() FileKnobs { return k }

func (k FileKnobs) check() error {
	switch {
	case !slices.Contains([]Access{AccessBearer, AccessRedirect, AccessPresigned}, k.Access):
		return fmt.Errorf("unknown access to files %q", k.Access)
	case k.LinkLife < 0:
		return errors.New("linkLife is negative")
	}
	return nil
}

package sandbox

import "slices"

// ContentKnobs is what the lines of output files carry.
type ContentKnobs struct {
	Bad []BadLines `yaml:"bad"`
}

// BadLines damages lines of one output file. The lines keep their places, so
// the file's number of lines stays what it was.
type BadLines struct {
	Type string `yaml:"type"` // resource type
	File int    `yaml:"file"` // which of the type's files, from 0

	Broken    int `yaml:"broken"`    // lines that are no JSON
	WrongType int `yaml:"wrongType"` // lines whose resourceType is another
	NoID      int `yaml:"noId"`      // lines without id
}

func (k ContentKnobs) clone() ContentKnobs {
	k.Bad = slices.Clone(k.Bad)
	return k
}

func (k ContentKnobs) check() error { return nil }

package bulkdata

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// extensionNames reads both shapes: an object keyed by name (STU1 to STU3) and
// an array of FHIR extensions (STU4).
func extensionNames(value jsontext.Value) []string {
	var names []string
	switch value.Kind() {
	case '{':
		d := jsontext.NewDecoder(bytes.NewReader(value))
		_, _ = d.ReadToken()
		for d.PeekKind() == '"' {
			name, err := d.ReadToken()
			if err != nil {
				break
			}
			names = append(names, name.String())
			_ = d.SkipValue() // whole already: the manifest was parsed
		}
	case '[':
		var list []struct {
			URL string `json:"url"`
		}
		_ = json.Unmarshal(value, &list) // what is no extension has no name
		for _, x := range list {
			if x.URL != "" {
				names = append(names, x.URL)
			}
		}
	}
	return names
}

// checksumExtension is how AB2D tells a file's checksum: in a FHIR extension
// whose value is "sha256:" and the sum in hex.
const checksumExtension = "https://ab2d.cms.gov/checksum"

// checksumOf gives the SHA-256 that an entry's extensions tell, or "".
func checksumOf(value jsontext.Value) string {
	var list []struct {
		URL   string `json:"url"`
		Value string `json:"valueString"`
	}
	if value.Kind() != '[' || !strings.Contains(string(value), checksumExtension) || json.Unmarshal(value, &list) != nil {
		return ""
	}
	for _, x := range list {
		sum, ok := strings.CutPrefix(strings.ToLower(x.Value), "sha256:")
		if _, err := hex.DecodeString(sum); x.URL == checksumExtension && ok && err == nil && len(sum) == 64 {
			return sum
		}
	}
	return ""
}

// isModified reports whether modifierExtension says anything.
func isModified(value jsontext.Value) bool {
	if kind := value.Kind(); kind == '{' || kind == '[' {
		compact := strings.Join(strings.Fields(string(value)), "")
		return compact != "{}" && compact != "[]"
	}
	return isPresent(value)
}

// isManifest reports whether text is a JSON object with a transactionTime.
func isManifest(text []byte) bool {
	return seekMember(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), "transactionTime") != nil
}

// seekMember gives a decoder that stands before the value of the member of the
// object that text begins with, as far as text goes; nil when there is none.
func seekMember(text []byte, member string) *jsontext.Decoder {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if first, err := d.ReadToken(); err != nil || first.Kind() != '{' {
		return nil
	}
	for {
		name, err := d.ReadToken()
		if err != nil || name.Kind() != '"' {
			return nil
		}
		if name.String() == member {
			return d
		}
		if d.SkipValue() != nil {
			return nil
		}
	}
}

func isText(text *string) bool { return text != nil && *text != "" }

func isPresent(value jsontext.Value) bool { return len(value) > 0 && value.Kind() != 'n' }

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// jsonError says where JSON is broken, without any of its text.
func jsonError(err error) error {
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("a member is repeated near byte %d", s.ByteOffset)
		}
		return fmt.Errorf("broken JSON near byte %d", s.ByteOffset)
	}
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("wrong type near byte %d", s.ByteOffset)
	}
	return errors.New("broken JSON")
}

// severities reads countSeverity; what is unknown or unusable in it is passed
// over, because nothing depends on it.
func severities(value jsontext.Value) map[string]int64 {
	var list []struct {
		Code  string         `json:"code"`
		Count jsontext.Value `json:"count"`
	}
	if json.Unmarshal(value, &list) != nil {
		return nil
	}
	var counts map[string]int64
	for _, s := range list {
		n, err := strconv.ParseInt(string(s.Count), 10, 64)
		if err != nil || n < 0 || !slices.Contains(outcomeSeverities, s.Code) {
			continue
		}
		if counts == nil {
			counts = map[string]int64{}
		}
		counts[s.Code] = n
	}
	return counts
}

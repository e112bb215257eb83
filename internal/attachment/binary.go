package attachment

import (
	"bufio"
	"errors"
	"io"
	"regexp"
)

// maxName is the length of the longest member name or code that is read.
const maxName = 1 << 10

// binaryHead finds the type of a resource near the start of its JSON.
var binaryHead = regexp.MustCompile(`"resourceType"\s*:\s*"Binary"`)

// looksLikeBinary reports whether JSON begins as a FHIR Binary does.
func looksLikeBinary(r *bufio.Reader) bool {
	head, _ := r.Peek(4 << 10) // what there is
	return binaryHead.Match(head)
}

// readBinary reads a FHIR Binary in JSON as a stream: its content goes to to,
// decoded, and never lies in memory. It gives the media type that the resource
// states. An answer that is no such resource is errContent.
func readBinary(from *bufio.Reader, to io.Writer) (contentType string, err error) {
	s := &scanner{r: from}
	kind, content := "", false
	err = s.object(func(name string) error {
		quoted, err := s.atQuote()
		if err != nil || !quoted {
			return errors.Join(err, s.skip())
		}
		switch name {
		case "resourceType":
			kind, err = s.text()
		case "contentType":
			contentType, err = s.text()
		case "data":
			if content {
				return errContent // twice
			}
			content = true
			return s.content(to)
		default:
			err = s.skip()
		}
		return err
	})
	if err == nil && (kind != binary || !content) {
		err = errContent
	}
	return contentType, err
}

// scanner walks JSON of any length in little memory. It checks no more than it
// needs to find its way.
type scanner struct{ r *bufio.Reader }

// object calls member before the value of each member; member must read it.
func (s *scanner) object(member func(name string) error) error {
	if c, err := s.token(); err != nil || c != '{' {
		return orContent(err)
	}
	for first := true; ; first = false {
		c, err := s.token()
		if err != nil {
			return err
		}
		if c == '}' {
			return nil
		}
		if !first {
			if c != ',' {
				return errContent
			}
			if c, err = s.token(); err != nil {
				return err
			}
		}
		if c != '"' {
			return errContent
		}
		name, err := s.inside()
		if err != nil {
			return err
		}
		if c, err = s.token(); err != nil || c != ':' {
			return orContent(err)
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

func orContent(err error) error {
	if err == nil {
		return errContent
	}
	return err
}

// token gives the next byte that is no white space.
func (s *scanner) token() (byte, error) {
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return 0, cut(err)
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, nil
		}
	}
}

// atQuote reports whether a string follows.
func (s *scanner) atQuote() (bool, error) {
	c, err := s.token()
	if err != nil {
		return false, err
	}
	return c == '"', s.r.UnreadByte()
}

// text reads a short string.
func (s *scanner) text() (string, error) {
	if _, err := s.r.ReadByte(); err != nil {
		return "", cut(err)
	}
	return s.inside()
}

// inside reads a short string up to its closing quote. Escapes stay: no name
// and no code that is looked for has any.
func (s *scanner) inside() (string, error) {
	var text []byte
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return "", cut(err)
		}
		if c == '"' {
			return string(text), nil
		}
		text = append(text, c)
		if c == '\\' {
			if c, err = s.r.ReadByte(); err != nil {
				return "", cut(err)
			}
			text = append(text, c)
		}
		if len(text) > maxName {
			return "", errContent
		}
	}
}

// content decodes a string of base64.
func (s *scanner) content(to io.Writer) error {
	if _, err := s.r.ReadByte(); err != nil {
		return cut(err)
	}
	text := &textReader{src: s.r}
	if _, err := io.Copy(to, decodeBase64(text)); err != nil {
		return err
	}
	if rest, err := io.Copy(io.Discard, text); err != nil || rest > 0 {
		return orContent(err) // something stands behind the padding
	}
	return nil
}

// skip passes over one value.
func (s *scanner) skip() error {
	depth := 0
	for {
		c, err := s.token()
		if err != nil {
			return err
		}
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			err = s.skipString()
		default:
			if c != ',' && c != ':' {
				err = s.skipWord()
			}
		}
		if err != nil || depth < 0 {
			return orContent(err)
		}
		if depth == 0 {
			return nil
		}
	}
}

func (s *scanner) skipString() error {
	for {
		c, err := s.r.ReadByte()
		if err == nil && c == '\\' {
			_, err = s.r.ReadByte()
		} else if err == nil && c == '"' {
			return nil
		}
		if err != nil {
			return cut(err)
		}
	}
}

// skipWord passes over the rest of a number or a literal.
func (s *scanner) skipWord() error {
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return cut(err)
		}
		switch c {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return s.r.UnreadByte()
		}
	}
}

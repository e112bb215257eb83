package tape

import "bytes"

// A token is a value, or a member's name, of a text that is known to be valid.
type token struct {
	kind  byte // the first byte of the value; '0' for numbers
	start int32
	end   int32
	next  int32 // the token after this one and all below it
}

// appendTokens appends the tokens of a valid text in its order. A member's
// name stands in front of its value.
func appendTokens(list []token, b []byte) []token {
	var open []int32
	for i := 0; i < len(b); {
		n := int32(len(list))
		start := i
		switch c := b[i]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		case '{', '[':
			open = append(open, n)
			list = append(list, token{c, int32(i), 0, 0})
			i++
			continue
		case '}', ']':
			i++
			last := open[len(open)-1]
			open = open[:len(open)-1]
			list[last].end, list[last].next = int32(i), n
			continue
		case '"':
			i = closingQuote(b, i+1) + 1
			list = append(list, token{c, int32(start), int32(i), n + 1})
			continue
		case 't', 'n':
			i += 4
			list = append(list, token{c, int32(start), int32(i), n + 1})
			continue
		case 'f':
			i += 5
			list = append(list, token{c, int32(start), int32(i), n + 1})
			continue
		}
		for i < len(b) && bytes.IndexByte([]byte("+-.0123456789Ee"), b[i]) >= 0 {
			i++
		}
		list = append(list, token{'0', int32(start), int32(i), n + 1})
	}
	return list
}

// closingQuote returns where the string whose first byte is at i ends.
func closingQuote(b []byte, i int) int {
	for b[i] != '"' {
		if b[i] == '\\' {
			i++
		}
		i++
	}
	return i
}

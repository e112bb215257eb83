package uscore

import (
	"embed"
	"fmt"
	"iter"
	"strings"
)

//go:embed rules/*.txt
var files embed.FS

// lines yields the lines of a rule file as words, without comments and empty
// lines, and with the prefixes that the file declares written out.
func lines(name string) (iter.Seq[[]string], error) {
	text, err := files.ReadFile("rules/" + name + ".txt")
	if err != nil {
		return nil, fmt.Errorf("rules %s: %w", name, err)
	}
	return func(yield func([]string) bool) {
		long := map[string]string{}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			switch {
			case len(words) == 0 || words[0] == "#":
				continue
			case words[0] == "prefix":
				long[words[1]] = words[2]
				continue
			}
			for i, w := range words {
				if colon := strings.IndexByte(w, ':'); colon > 0 {
					if url, ok := long[w[:colon+1]]; ok {
						words[i] = url + w[colon+1:]
					}
				}
			}
			if !yield(words) {
				return
			}
		}
	}, nil
}

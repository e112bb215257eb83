// Command gen writes the rule files of package uscore from the JSON extract of
// HL7's published definitions. It is run by go generate in the package's
// folder; the result is checked in, and this package's test compares the two.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	from := flag.String("from", "", "the extract, required-elements.json")
	to := flag.String("to", "rules", "the folder of the rule files")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	files, err := generate(text)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the content of each rule file by its name.
func generate(text []byte) (map[string][]byte, error) {
	var e extract
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	w := writer{extract: e, slices: map[string][]string{}, used: map[string]bool{}}
	w.knowSlices()
	files := map[string][]byte{}
	for _, version := range e.versions() {
		files[version+".txt"] = w.version(version)
	}
	files["valuesets.txt"] = w.valueSets()
	return files, nil
}

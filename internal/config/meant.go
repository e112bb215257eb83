package config

import "strings"

// meant names the field that was probably meant by a word that is none, or all
// that there are.
func meant(word string, names []string) string {
	if like := closest(word, names); like != "" {
		return like + " is meant?"
	}
	return "there are " + strings.Join(names, ", ")
}

// closest gives the name that is so much like a word that it was probably
// meant, or nothing.
func closest(word string, names []string) string {
	best, least := "", max(1, len(word)/4)
	for _, name := range names {
		if d := distance(word, name); d <= least {
			best, least = name, d-1
		}
	}
	return best
}

// distance is how many letters must be put in, taken out or replaced to make a
// of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

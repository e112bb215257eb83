package cli

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// A screen shows lines that change in place on a terminal: each drawing takes
// the place of the one before. Lines are cut at the terminal's width, so that
// they stay one line each.
type screen struct {
	out   io.Writer
	drawn int // lines on it
}

// draw shows lines, as many as fit.
func (s *screen) draw(lines []string) error {
	width, height := sizeOf(s.out)
	lines = lines[:min(len(lines), max(height-1, 1))]
	var b strings.Builder
	if s.drawn > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(s.drawn) + "A")
	}
	for _, line := range lines {
		b.WriteString("\x1b[2K" + cut(line, width) + "\n")
	}
	if len(lines) < s.drawn {
		b.WriteString("\x1b[J")
	}
	s.drawn = len(lines)
	_, err := io.WriteString(s.out, b.String())
	return err
}

// sizeOf gives how many columns and lines a terminal has: what it says itself,
// else COLUMNS and LINES, else 80 and 24.
func sizeOf(out io.Writer) (columns, lines int) {
	columns, lines = 80, 24
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		columns = n
	}
	if n, err := strconv.Atoi(os.Getenv("LINES")); err == nil && n > 0 {
		lines = n
	}
	if f, ok := out.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
			return int(size.Col), int(size.Row)
		}
	}
	return columns, lines
}

// cut makes one line of a text, of so many columns at most: what is no letter
// to be shown becomes a space. The sequences of paint stay as they are and have
// no width.
func cut(text string, width int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\x1b' || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
	var b strings.Builder
	painted, column := false, 0
	for i := 0; i < len(text); {
		if code := paintAt(text[i:]); code != "" {
			b.WriteString(code)
			painted, i = code != plain, i+len(code)
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		if r == '\x1b' {
			r = ' '
		}
		if column == width-1 && i < len(text) && strings.TrimSuffix(text[i:], plain) != "" {
			r = '…'
		}
		if column < width {
			b.WriteRune(r)
		}
		column++
	}
	if painted {
		b.WriteString(plain)
	}
	return b.String()
}

// The colours of lines; plain ends one.
const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	faint  = "\x1b[2m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

func paintAt(text string) string {
	for _, code := range []string{red, yellow, green, faint, bold, plain} {
		if strings.HasPrefix(text, code) {
			return code
		}
	}
	return ""
}

// colours reports whether a terminal wants them: https://no-color.org/
func colours() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// paint colours a text, if there is a colour; its own sequences are taken out,
// since it may hold what a server says.
func paint(code, text string) string {
	text = strings.ReplaceAll(text, "\x1b", " ")
	if code == "" {
		return text
	}
	return code + text + plain
}

// bar shows how much of something is done, 0 to 1.
func bar(done float64) string {
	const width = 20
	full := int(max(0, min(done, 1))*width + 0.5)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]" + strconv.Itoa(int(max(0, min(done, 1))*100)) + "%"
}

package ndjson

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// seen is one line as a test sees it.
type seen struct {
	Number, Offset int64
	Text           string
	Blank, Long    bool
}

// readAll collects the lines of text cut by o.
func readAll(t testing.TB, src io.Reader, o Options) (lines []seen, r *Reader) {
	t.Helper()
	o.OverLong = func(l LongLine) error {
		text, err := io.ReadAll(l)
		lines = append(lines, seen{l.Number, l.Offset, string(text), false, true})
		return err
	}
	r = NewReader(src, o)
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines, r
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		for l := range b.Lines() {
			lines = append(lines, seen{l.Number, l.Offset, string(l.Bytes), l.Blank(), false})
		}
		b.Release()
	}
}

// split is the same without blocks: the specification of readAll.
func split(text string, maxLine int) (lines []seen) {
	rest, found := strings.CutPrefix(text, "\xef\xbb\xbf")
	offset := int64(0)
	if found {
		offset = 3
	}
	for n := int64(1); rest != ""; n++ {
		line, after, ended := strings.Cut(rest, "\n")
		l := seen{Number: n, Offset: offset, Text: line, Long: len(line) > maxLine}
		if !l.Long {
			l.Text = strings.TrimSuffix(line, "\r")
			l.Blank = strings.Trim(l.Text, " \t\r") == ""
		}
		lines = append(lines, l)
		offset += int64(len(line))
		if ended {
			offset++
		}
		rest = after
	}
	return lines
}

func TestLinesAreTheSameForEveryBlockSize(t *testing.T) {
	texts := map[string]string{
		"empty":                "",
		"only a mark":          "\xef\xbb\xbf",
		"mark and line":        "\xef\xbb\xbf{\"a\":1}\n{}\n",
		"mark twice":           "\xef\xbb\xbf\xef\xbb\xbf{}\n",
		"half a mark":          "\xef\xbb",
		"CRLF":                 "{}\r\n{\"a\":1}\r\n",
		"carriage returns":     "{}\r\r\n\r\n\r",
		"blank lines":          "\n\n{}\n \t\n{}\n\n",
		"no final newline":     "{}\n{\"b\":2}",
		"blank at the end":     "{}\n  ",
		"only newlines":        "\n\n\n",
		"a long line":          strings.Repeat("x", 100) + "\n{}\n",
		"a long line at last":  "{}\n" + strings.Repeat("x", 100),
		"long lines in a row":  strings.Repeat(strings.Repeat("y", 50)+"\n", 3),
		"long after a mark":    "\xef\xbb\xbf" + strings.Repeat("z", 90) + "\n1\n",
		"exactly the limit":    strings.Repeat("l", 40) + "\n" + strings.Repeat("m", 41) + "\n",
		"limit without ending": strings.Repeat("l", 40),
		"over without ending":  strings.Repeat("l", 41),
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			for block := 1; block < 70; block++ {
				got, r := readAll(t, strings.NewReader(text), Options{Block: block, MaxLine: 40})
				if diff := cmp.Diff(split(text, 40), got); diff != "" {
					t.Fatalf("block of %d (-want +got):\n%s", block, diff)
				}
				if r.Lines() != int64(len(got)) || r.Bytes() != int64(len(text)) {
					t.Fatalf("block of %d: %d lines, %d bytes; want %d, %d", block, r.Lines(), r.Bytes(), len(got), len(text))
				}
			}
		})
	}
}

func TestSlowAndBrokenSources(t *testing.T) {
	text := "{\"a\":1}\n\n{\"b\":2}\n{}"
	want := split(text, 1000)
	slow, _ := readAll(t, iotest.OneByteReader(strings.NewReader(text)), Options{Block: 8, MaxLine: 1000})
	if diff := cmp.Diff(want, slow); diff != "" {
		t.Errorf("one byte at a time (-want +got):\n%s", diff)
	}
	together, _ := readAll(t, iotest.DataErrReader(strings.NewReader(text)), Options{Block: 8, MaxLine: 1000})
	if diff := cmp.Diff(want, together); diff != "" {
		t.Errorf("end together with bytes (-want +got):\n%s", diff)
	}
	broken := errors.New("disk")
	r := NewReader(io.MultiReader(strings.NewReader("{}"), iotest.ErrReader(broken)), Options{})
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("Next over a broken source = %v", err)
	}
}

func TestAnOverLongLineNeedsATaker(t *testing.T) {
	r := NewReader(strings.NewReader("12345\n"), Options{MaxLine: 4})
	if _, err := r.Next(); !errors.Is(err, ErrTooLong) {
		t.Errorf("Next = %v, want ErrTooLong", err)
	}
	refused := errors.New("refused")
	r = NewReader(strings.NewReader("12345\n"), Options{MaxLine: 4, OverLong: func(LongLine) error { return refused }})
	if _, err := r.Next(); !errors.Is(err, refused) {
		t.Errorf("Next = %v, want the error of OverLong", err)
	}
}

func TestAnUnreadOverLongLineIsSkipped(t *testing.T) {
	var long []int64
	r := NewReader(strings.NewReader("{}\n"+strings.Repeat("x", 5000)+"\n[]\n"), Options{
		Block: 16, MaxLine: 20,
		OverLong: func(l LongLine) error { long = append(long, l.Number, l.Offset); return nil },
	})
	var numbers []int64
	for {
		b, err := r.Next()
		if err != nil {
			break
		}
		for l := range b.Lines() {
			numbers = append(numbers, l.Number)
		}
		b.Release()
	}
	if diff := cmp.Diff([]int64{1, 3}, numbers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{2, 3}, long); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyOneBigBlockExists(t *testing.T) {
	big := bytes.Repeat([]byte("b"), bigBlock+1)
	src := bytes.Join([][]byte{big, big, []byte("{}")}, newline)
	r := NewReader(bytes.NewReader(src), Options{})
	first, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan int64)
	go func() {
		b, err := r.Next()
		if err != nil {
			close(next)
			return
		}
		defer b.Release()
		next <- b.Number
	}()
	select {
	case <-next:
		t.Fatal("a second big block came before the first was released")
	case r.big <- struct{}{}:
		t.Fatal("the first big block holds no token")
	default:
	}
	first.Release()
	if got := <-next; got != 2 {
		t.Errorf("second block begins with line %d, want 2", got)
	}
}

func TestBlocksAreReused(t *testing.T) {
	src := bytes.Repeat([]byte("{\"resourceType\":\"Patient\",\"id\":\"1\"}\n"), 50000)
	allocs := testing.AllocsPerRun(3, func() {
		r := NewReader(bytes.NewReader(src), Options{Block: 64 << 10})
		for {
			b, err := r.Next()
			if err != nil {
				return
			}
			b.Release()
		}
	})
	if allocs > 60 { // one small struct for each of about 31 blocks
		t.Errorf("%v allocations for 2 MB", allocs)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("{}\n{}\r\n\n"), uint8(4), uint8(9))
	f.Add([]byte("\xef\xbb\xbf1\n222222222222"), uint8(3), uint8(5))
	f.Add([]byte("\n\n\r"), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, block, maxLine uint8) {
		limit := int(maxLine) + 3
		got, r := readAll(t, bytes.NewReader(text), Options{Block: int(block), MaxLine: limit})
		if diff := cmp.Diff(split(string(text), limit), got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if r.Lines() != int64(len(got)) || r.Bytes() != int64(len(text)) {
			t.Fatalf("%d lines, %d bytes; want %d, %d", r.Lines(), r.Bytes(), len(got), len(text))
		}
	})
}

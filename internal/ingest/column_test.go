package ingest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// textAt returns row i of a text array, as a dictionary or not.
func textAt(a arrow.Array, i int) (string, bool) {
	if a.IsNull(i) {
		return "", false
	}
	if d, ok := a.(*array.Dictionary); ok {
		return d.Dictionary().(*array.String).Value(d.GetValueIndex(i)), true
	}
	return a.(*array.String).Value(i), true
}

func TestATextColumnHoldsWhatWasAppended(t *testing.T) {
	distinct := map[string]int{"few": 5, "many": 100_000}
	for name, n := range distinct {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			c := newTextColumn()
			for round := range 3 {
				var want []string // "" is a null
				for range 10_000 {
					switch r.IntN(10) {
					case 0:
						c.null()
						want = append(want, "")
					case 1:
						if len(want) > 3 { // a line that is dropped
							c.truncate(len(want) - 3)
							want = want[:len(want)-3]
						}
					default:
						text := fmt.Sprintf("value %d", r.IntN(n))
						c.append([]byte(text))
						want = append(want, text)
					}
				}
				a := c.array()
				if a.Len() != len(want) || c.len() != len(want) {
					t.Fatalf("round %d: %d rows, want %d", round, a.Len(), len(want))
				}
				for i := range want {
					got, ok := textAt(a, i)
					if got != want[i] || ok != (want[i] != "") {
						t.Fatalf("round %d, row %d = %q, want %q", round, i, got, want[i])
					}
				}
				a.Release()
				c.reset()
			}
			if c.plain != (n > plainAbove) {
				t.Errorf("plain = %v with %d different texts", c.plain, n)
			}
		})
	}
}

func TestALargeDictionaryTurnsPlain(t *testing.T) {
	c := newTextColumn()
	long := make([]byte, maxDictionary/4)
	for n := range 8 {
		long[0] = byte(n)
		c.append(long)
		c.append(long)
	}
	if !c.plain {
		t.Error("a dictionary of 2 MiB is still one")
	}
	if a := c.array(); a.Len() != 16 || a.(*array.String).Value(15)[0] != 7 {
		t.Errorf("rows after the turn: %d", a.Len())
	}
}

func TestTruncateForgetsValidityToo(t *testing.T) {
	var b bitmap
	for i := range 20 {
		b.append(i%3 != 0)
	}
	b.truncate(9)
	if b.n != 9 || b.nulls != 3 {
		t.Errorf("n = %d, nulls = %d; want 9, 3", b.n, b.nulls)
	}
	b.append(false)
	b.append(true)
	if b.nulls != 4 || b.bits[1] != 0b101 {
		t.Errorf("nulls = %d, last byte %b", b.nulls, b.bits[1])
	}
}

func TestDatesAndTimesAgreeWithTheStandardLibrary(t *testing.T) {
	for day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2400; day = day.AddDate(0, 0, 13) {
		got, ok := parseDate([]byte(day.Format(time.DateOnly)))
		if want := int32(day.Unix() / 86400); !ok || got != want {
			t.Fatalf("parseDate(%s) = %d, %v; want %d", day.Format(time.DateOnly), got, ok, want)
		}
	}
	for _, s := range []string{
		"2024-02-29T23:59:59Z", "1969-12-31T23:59:59.999999Z", "2020-01-01T00:00:00.1234567+14:00",
		"2020-06-30T12:30:00.5-05:30", "1900-03-01T00:00:00-12:00",
	} {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parseTime([]byte(s))
		if want := at.UnixMicro(); !ok || got != want {
			t.Errorf("parseTime(%s) = %d, %v; want %d", s, got, ok, want)
		}
	}
}

func TestWhatIsNotPreciseEnoughIsNoDateAndNoTime(t *testing.T) {
	tests := []struct {
		text       string
		date, time bool
	}{
		{"2020", false, false},
		{"2020-05", false, false},
		{"2020-05-06", true, false},
		{"2020-05-06T10:11:12Z", true, true},
		{"2020-05-06T10:11:12+02:00", true, true},
		{"2020-05-06T10:11:12", true, false},
		{"2020-05-06T10:11Z", true, false},
		{"2020-05-06T10:11:12.Z", true, false},
		{"2020-05-06T24:00:00Z", true, false},
		{"2020-05-06T10:11:12+15:00", true, false},
		{"2020-05-06T10:11:60Z", true, true},
		{"2020-05-06T10:11:12.123", true, false},
		{"2020-05-06T10-11-12Z", true, false},
		{"2021-02-29", false, false},
		{"2020-13-01", false, false},
		{"2020-00-10", false, false},
		{"2020-01-00", false, false},
		{"2020-04-31", false, false},
		{"0000-01-01", false, false},
		{"2020/05/06", false, false},
		{"20a0-05-06", false, false},
		{"2020-05-06 10:11:12Z", false, false},
		{"", false, false},
	}
	for _, tt := range tests {
		if _, ok := parseDate([]byte(tt.text)); ok != tt.date {
			t.Errorf("parseDate(%q) ok = %v", tt.text, ok)
		}
		if _, ok := parseTime([]byte(tt.text)); ok != tt.time {
			t.Errorf("parseTime(%q) ok = %v", tt.text, ok)
		}
	}
}

func FuzzNumbersAgreeWithStrconv(f *testing.F) {
	for _, s := range []string{"0", "-0", "1.50", "0.1", "123456789012345", "1234567890123456", "1e3", "-1E-7", "1e999", "2147483648", "-2147483648", "9223372036854775808", ".", "-", "1.2.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseDouble([]byte(s))
		want, err := strconv.ParseFloat(s, 64)
		if ok && (err != nil || got != want && want == want) {
			t.Errorf("parseDouble(%q) = %v; strconv: %v, %v", s, got, want, err)
		}
		for _, bits := range []int{32, 64} {
			got, ok := parseInt([]byte(s), bits)
			want, err := strconv.ParseInt(s, 10, bits)
			if ok && (err != nil || got != want) {
				t.Errorf("parseInt(%q, %d) = %v; strconv: %v, %v", s, bits, got, want, err)
			}
		}
	})
}

func FuzzTimesAgreeWithTheStandardLibrary(f *testing.F) {
	f.Add("2024-02-29T23:59:59.123456789+05:30")
	f.Add("2024-02-29")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseTime([]byte(s))
		if at, err := time.Parse(time.RFC3339Nano, s); ok && err == nil && got != at.UnixMicro() {
			t.Errorf("parseTime(%q) = %d, want %d", s, got, at.UnixMicro())
		}
		day, ok := parseDate([]byte(s))
		if at, err := time.Parse(time.DateOnly, s[:min(10, len(s))]); ok && (err != nil || int64(day) != at.Unix()/86400) {
			t.Errorf("parseDate(%q) = %d, %v", s, day, err)
		}
	})
}

func TestAnIDIsOneThatAReferenceCanHold(t *testing.T) {
	legal := []string{"1", "a.b-C", "x_y", "with:colon", "ä", string(make65())}
	for _, id := range legal {
		if !legalID([]byte(id)) {
			t.Errorf("legalID(%q) = false", id)
		}
	}
	for _, id := range []string{"", "a/b", "a b", "a\tb", "a\x00", "\x7f", "a\u00a0b", "ä/b", "a\u2028"} {
		if legalID([]byte(id)) {
			t.Errorf("legalID(%q) = true", id)
		}
	}
}

func make65() []byte {
	id := make([]byte, 65)
	for i := range id {
		id[i] = 'x'
	}
	return id
}

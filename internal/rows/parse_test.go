package rows

import (
	"strconv"
	"testing"
	"time"
)

func TestDatesAndTimesAgreeWithTheStandardLibrary(t *testing.T) {
	for day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2400; day = day.AddDate(0, 0, 13) {
		got, ok := ParseDate([]byte(day.Format(time.DateOnly)))
		if want := int32(day.Unix() / 86400); !ok || got != want {
			t.Fatalf("ParseDate(%s) = %d, %v; want %d", day.Format(time.DateOnly), got, ok, want)
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
		got, ok := ParseTime([]byte(s))
		if want := at.UnixMicro(); !ok || got != want {
			t.Errorf("ParseTime(%s) = %d, %v; want %d", s, got, ok, want)
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
		if _, ok := ParseDate([]byte(tt.text)); ok != tt.date {
			t.Errorf("ParseDate(%q) ok = %v", tt.text, ok)
		}
		if _, ok := ParseTime([]byte(tt.text)); ok != tt.time {
			t.Errorf("ParseTime(%q) ok = %v", tt.text, ok)
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
		got, ok := ParseTime([]byte(s))
		if at, err := time.Parse(time.RFC3339Nano, s); ok && err == nil && got != at.UnixMicro() {
			t.Errorf("ParseTime(%q) = %d, want %d", s, got, at.UnixMicro())
		}
		day, ok := ParseDate([]byte(s))
		if at, err := time.Parse(time.DateOnly, s[:min(10, len(s))]); ok && (err != nil || int64(day) != at.Unix()/86400) {
			t.Errorf("ParseDate(%q) = %d, %v", s, day, err)
		}
	})
}

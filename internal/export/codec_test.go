package export

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func TestACodecIsUsedAgainAndKeepsNothingOfTheFileBefore(t *testing.T) {
	var c codecs
	noise := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise) //nolint:errcheck // never fails
	line := strings.Repeat(`{"resourceType":"Patient","id":"a"}`+"\n", 40_000)
	for round, text := range []string{line, "", string(noise), "short\n", line[:1<<17], line[:1<<17+1], line + string(noise)} {
		if round%2 == 1 { // a file that breaks leaves nothing behind either
			broken := io.MultiReader(strings.NewReader(line), iotest.ErrReader(io.ErrUnexpectedEOF))
			if _, err := c.compress(io.Discard, broken); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("a broken file: error %v", err)
			}
		}
		var raw bytes.Buffer
		n, err := c.compress(&raw, strings.NewReader(text))
		if err != nil || n != int64(len(text)) {
			t.Fatalf("round %d: %d bytes of %d, error %v", round, n, len(text), err)
		}
		whole := raw.Bytes()
		d, err := c.decompress(io.NopCloser(bytes.NewReader(whole)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(d)
		if err != nil || string(got) != text {
			t.Errorf("round %d: %d bytes come back of %d, error %v", round, len(got), len(text), err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if len(whole) < 20 {
			continue
		}
		d, err = c.decompress(io.NopCloser(bytes.NewReader(whole[:len(whole)-5])))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(d); err == nil {
			t.Errorf("round %d: a file that lacks its end is read without an error", round)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkCompress(b *testing.B) {
	var c codecs
	text := strings.Repeat(`{"resourceType":"Patient","id":"a","birthDate":"1970-01-01"}`+"\n", 1200)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.compress(io.Discard, strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}

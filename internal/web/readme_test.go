package web

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// pictureBytes is how large a picture of the README may be.
const pictureBytes = 150_000

// The pictures of the README are of a town's pages: README_PICTURES is the
// folder in which they are kept (make readme-pictures).
func TestThePicturesOfTheReadmeAreSmall(t *testing.T) {
	o := newTown(t)
	o.sql(`UPDATE tenant SET name = 'Maplewood Internal Medicine' WHERE tenant_id = 'maplewood'`)
	b := o.signedIn("anna", "operator", "privacy_officer")
	o.sql(`UPDATE person SET name = 'Anna Berg' WHERE person_id = 'anna'`)
	dir := cmp.Or(os.Getenv("README_PICTURES"), t.ArtifactDir())
	for _, p := range []struct {
		name, path, until string
		high              int64
	}{
		{"overview", "/", ".matters", 890},
		{"export", "/practices/hillcrest/exports/" + o.live, ".curve", 860},
	} {
		b.look("light", 1280, p.high)
		b.open(p.path, p.until)
		shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		small := paletted(t, shot)
		if len(small) > pictureBytes || len(small) < 10_000 {
			t.Errorf("the picture %s has %d bytes", p.name, len(small))
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".png"), small, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// look makes the window so large, and by day or by night.
func (b *browser) look(scheme string, width, high int64) {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, high), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// paletted writes a picture anew with the 256 colours that it has most of.
func paletted(t *testing.T, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	size, counts := full.Bounds(), map[color.RGBA]int{}
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			r, g, b, _ := full.At(x, y).RGBA()
			counts[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}]++
		}
	}
	var most []color.RGBA
	for c := range counts {
		most = append(most, c)
	}
	slices.SortFunc(most, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var colours color.Palette
	for _, c := range most[:min(len(most), 256)] {
		colours = append(colours, c)
	}
	small, out := image.NewPaletted(size, colours), bytes.Buffer{}
	draw.Draw(small, size, full, size.Min, draw.Src)
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

package columnar

// Texts are texts one behind the other, in Arrow's layout.
type Texts struct {
	text []byte
	ends []int32 // ends[i] is where the text i begins, ends[len] where the last ends
}

func newTexts() Texts { return Texts{ends: []int32{0}} }

// Len returns the number of texts.
func (v *Texts) Len() int { return len(v.ends) - 1 }

// At returns text i, which is valid until the texts change.
func (v *Texts) At(i int32) []byte { return v.text[v.ends[i]:v.ends[i+1]] }

// Raw returns all texts one behind the other, and where each begins, with the
// end of the last. They are the texts' own.
func (v *Texts) Raw() (text []byte, ends []int32) { return v.text, v.ends }

func (v *Texts) append(text []byte) {
	v.text = append(room(v.text, len(text)), text...)
	v.ends = append(room(v.ends, 1), int32(len(v.text)))
}

func (v *Texts) appendEmpty(k int) {
	for range k {
		v.ends = append(v.ends, int32(len(v.text)))
	}
}

func (v *Texts) truncate(n int) {
	if n < v.Len() {
		v.ends = v.ends[:n+1]
		v.text = v.text[:v.ends[n]]
	}
}

func (v *Texts) reset() { v.text, v.ends = v.text[:0], v.ends[:1] }

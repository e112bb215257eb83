package columnar

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// wrap makes an array of borrowed buffers.
func wrap(kind arrow.DataType, valid *Bitmap, buffers ...*memory.Buffer) arrow.Array {
	all := append([]*memory.Buffer{validity(valid)}, buffers...)
	d := array.NewData(kind, valid.n, all, nil, valid.unset, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// validity is nil when every row has a value.
func validity(valid *Bitmap) *memory.Buffer {
	if valid.unset == 0 {
		return nil
	}
	return memory.NewBufferBytes(valid.bits)
}

var dictionaryType = &arrow.DictionaryType{
	IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String,
}

func dictionaryOf(index []int32, valid *Bitmap, entries *Texts) arrow.Array {
	dict := array.NewData(arrow.BinaryTypes.String, entries.Len(), textBuffers(entries), nil, 0, 0)
	defer dict.Release()
	buffers := []*memory.Buffer{validity(valid), memory.NewBufferBytes(arrow.GetBytes(index))}
	d := array.NewDataWithDictionary(dictionaryType, valid.n, buffers, valid.unset, 0, dict)
	defer d.Release()
	return array.NewDictionaryData(d)
}

func textBuffers(v *Texts) []*memory.Buffer {
	return []*memory.Buffer{nil, memory.NewBufferBytes(arrow.GetBytes(v.ends)), memory.NewBufferBytes(v.text)}
}

package truth

import "strings"

// oddStrings are the insides of strings: rare, but valid.
var oddStrings = []string{
	"", " ", "a", "é", "日本語", "🩺", "\u00a0", "\u2028", "\ufeff", "\uffff", "\U0010ffff", "\x7f",
	`\"`, `\\`, `\/`, `\b\f\n\r\t`, `\u0000`, `\u001f`, `\u00e9`, `\u2028`, `\uFFFF`, `\ud83e\ude7a`, `\uD83E\uDE7A`, `\udbff\udfff`,
	`ends in \\`, `\\u0041`, `"`[1:] + `\u0022`, "seven77", "eight888", "nine99999", strings.Repeat("sixteen bytes   ", 9),
	"12345678é", "1234567\\n", "1234567\\u00e9x", strings.Repeat("ü", 40), "1.50", "true", "null", "2020-02-30", "{}", "[",
}

// oddNumbers are JSON numbers.
var oddNumbers = []string{
	"0", "-0", "1", "-1", "1.50", "0.10", "1e3", "1E+2", "1e-7", "0e0", "0.1234567890123456789012345", "1e400", "-1e-400",
	"9223372036854775807", "9223372036854775808", "12345678901234567890123", "0.0", "-0.0", "100000000.00000001",
}

// oddValues are JSON values of all kinds.
var oddValues = append([]string{
	"null", "true", "false", "{}", "[]", "[null]", "[[]]", "[[],{}]", `{"a":{"b":[1,{"c":null}]}}`, `{"":""}`, `""`, `[ 1 , "two" ]`,
	`{"coding":[{"code":"x"},{"code":"y"}]}`, `{"reference":"Patient/1"}`, `{"value":1.50}`, `["a","b"]`, `[{"code":"x"},null]`,
	strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat(`{"a":`, 40) + "0" + strings.Repeat("}", 40),
	strings.Repeat("[", 70) + `{"a":1}` + strings.Repeat("]", 70), `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10}`,
}, oddNumbers...)

// oddKeys are names of members with their quotes.
var oddKeys = []string{
	`""`, `"id "`, `"ID"`, `"\u0069d"`, `"i\u0064"`, `"id\u0000"`, `"_id"`, `"a"`, `"extension"`, `"value"`, `"é"`, `"\u00e9"`, `"🩺"`, `"\ud83e\ude7a"`,
	`"resourceType "`, `"c\u006fde"`, `"valueQuantity"`, `"valueQuantityX"`, `"12345678"`, `"123456789"`, `"1234567"`, `"a\/b"`, `"a/b"`,
}

// oddBytes are what does not belong into a JSON text, or belongs elsewhere.
var oddBytes = []string{
	",", ",,", "]", "}", "[", "{", `"`, ":", "'", "\\", "0", "01", "+1", "1.", ".5", "1e", "-", "--1", "NaN", "Infinity", "undefined", "nul", "True",
	"//", "/* */", "\x00", "\x01", "\x1f", "\t", "\r", "\n", "\x7f", "\v", "\f", "\u00a0", "\ufeff", "\u2028",
	"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe",
	`\u`, `\u12`, `\u12g4`, `\x41`, `\'`, `\0`, `\ud800`, `\udc00`, `\ud800\u0041`, `\udc00\ud800`, `\ud83e\ud83e`, `\ud83e\\ude7a`, `\U0041`, `\ud83ex`,
	`,"id":"again"`, `{"id":1,"id":1}`, `{"a":1,"\u0061":2}`, `[1,]`, `{"a":1,}`, `{,}`, `[,]`, `{"a"}`, `{"a":}`, `{1:2}`, `{"a" 1}`, `[1 2]`, " x", "{}", "null",
}

// validLines is how many of oddLines are valid; they stand first.
const validLines = 17

// oddLines are whole texts.
var oddLines = []string{
	`{}`, `[]`, `""`, `0`, `null`, ` {"a":1} `, "\t{\"a\"\r:\r1\t}\r", `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`, `[[[[[[[[]]]]]]]]`, `"\ud83e\ude7a"`, `-0.0e-0`,
	`{"resourceType":"Patient","id":"a","\u0069e":"b"}`, `{"id":"a","resourceType":"Observation"}`, `{"resourceType":null}`, `{"resourceType":["Patient"],"id":1}`,
	strings.Repeat("[", 500) + strings.Repeat("]", 500), strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500),
	``, ` `, "\n", "\ufeff{}", `{"a":1}{"b":2}`, `{"a":1} null`, `{"a":1,"a":1}`, `{"a":1,"\u0061":1}`, `{"":1,"":2}`, `{"a":{"b":1,"b":1}}`, `[{"a":1,"a":2}]`,
	`{"é":1,"\u00e9":2}`, `{"🩺":1,"\ud83e\udE7a":2}`, `tru`, `truee`, `nulll`, `"`, `"\`, `"\u`, `"\ud83e"`, `"\ude7a"`, `[`, `{`, `{"a"`, `{"a":`, `-`, `1e`, `1.`, `.1`, `00`, `-01`, `0x1`, `1_000`,
	"\"\x00\"", "\"\xff\"", "{\"\xff\":1}", "[\"\xed\xa0\x80\"]", "'a'", "{a:1}", "[1,]", `{"a":1,}`, "[1\x0c]", "{\"a\":1}\x00",
}

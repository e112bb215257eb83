package uscore

// The functions of this file judge the text of a value.

func digits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return true
}

func tenDigits(b []byte) bool { return len(b) == 10 && digits(b) }

func fiveDigits(b []byte) bool { return len(b) == 5 && digits(b) }

// cliaNumber: ten characters, digits but for a "D" in the third place.
func cliaNumber(b []byte) bool {
	return len(b) == 10 && digits(b[:2]) && b[2] == 'D' && digits(b[3:])
}

// npiCheckDigit tests the check digit of a National Provider Identifier: the
// Luhn sum of its digits and of the prefix 80840, which adds 24, is a multiple
// of ten. What is not ten digits is judged elsewhere and passes.
func npiCheckDigit(b []byte) bool {
	if !tenDigits(b) {
		return true
	}
	sum := 24
	for i, c := range b {
		d := int(c - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// preciseToTheDay: a dateTime with year, month and day.
func preciseToTheDay(b []byte) bool { return len(b) >= len("2006-01-02") }

func isUCUM(b []byte) bool { return string(b) == ucum }

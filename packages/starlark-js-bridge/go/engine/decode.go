package engine

import (
	"math/big"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// Decode reads one JSON value. The strings of the result are parts of data, which must not change any more.
func Decode(data []byte, maxDepth int) (any, *Problem) {
	if !utf8.Valid(data) {
		return nil, &Problem{Kind: KindInput, Message: "the input is not valid UTF-8"}
	}
	d := decoder{data: data, maxDepth: maxDepth}
	d.space()
	value, ok := d.value()
	if ok {
		d.space()
		if d.at < len(data) {
			ok = d.fail("there is more after the value")
		}
	}
	if !ok {
		return nil, &Problem{Kind: KindInput, Message: d.message + " (byte " + strconv.Itoa(d.at) + " of the input)"}
	}
	return value, nil
}

// DecodeObject reads a JSON object; null and an empty text are an empty one.
func DecodeObject(data []byte, maxDepth int) (*Object, *Problem) {
	if len(data) == 0 {
		return &Object{}, nil
	}
	value, problem := Decode(data, maxDepth)
	if problem != nil {
		return nil, problem
	}
	switch value := value.(type) {
	case *Object:
		return value, nil
	case nil:
		return &Object{}, nil
	}
	return nil, &Problem{Kind: KindInput, Message: "the input is not a JSON object"}
}

type decoder struct {
	data     []byte
	at       int
	depth    int
	maxDepth int
	message  string
	// What belongs to the objects and lists that are open, so that each is allocated once, in its size.
	keys   []string
	values []any
}

func (d *decoder) fail(message string) bool {
	if d.message == "" {
		d.message = message
	}
	return false
}

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\n', '\t', '\r':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) value() (any, bool) {
	if d.at >= len(d.data) {
		return nil, d.fail("the input ends early")
	}
	switch c := d.data[d.at]; c {
	case '{':
		return d.object()
	case '[':
		return d.list()
	case '"':
		text, ok := d.text()
		return text, ok
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return d.number()
		}
		return nil, d.fail("no JSON value begins with " + strconv.QuoteRune(rune(c)))
	}
}

func (d *decoder) word(word string) bool {
	if len(d.data)-d.at < len(word) || string(d.data[d.at:d.at+len(word)]) != word {
		return d.fail("an unknown word")
	}
	d.at += len(word)
	return true
}

func (d *decoder) enter() bool {
	d.at++
	d.depth++
	if d.depth > d.maxDepth {
		return d.fail("the input is deeper than " + strconv.Itoa(d.maxDepth) + " levels")
	}
	d.space()
	return true
}

func (d *decoder) object() (any, bool) {
	if !d.enter() {
		return nil, false
	}
	firstKey, firstValue := len(d.keys), len(d.values)
	for {
		if d.at < len(d.data) && d.data[d.at] == '}' && len(d.keys) == firstKey {
			break
		}
		if d.at >= len(d.data) || d.data[d.at] != '"' {
			return nil, d.fail("a key was expected")
		}
		key, ok := d.text()
		if !ok {
			return nil, false
		}
		d.space()
		if d.at >= len(d.data) || d.data[d.at] != ':' {
			return nil, d.fail("a colon was expected")
		}
		d.at++
		d.space()
		value, ok := d.value()
		if !ok {
			return nil, false
		}
		d.keys = append(d.keys, key)
		d.values = append(d.values, value)
		d.space()
		if !d.more('}') {
			if d.message != "" {
				return nil, false
			}
			break
		}
	}
	d.at++
	d.depth--
	object := &Object{keys: append([]string(nil), d.keys[firstKey:]...), values: append([]any(nil), d.values[firstValue:]...)}
	d.keys, d.values = d.keys[:firstKey], d.values[:firstValue]
	return object, true
}

func (d *decoder) list() (any, bool) {
	if !d.enter() {
		return nil, false
	}
	first := len(d.values)
	for {
		if d.at < len(d.data) && d.data[d.at] == ']' && len(d.values) == first {
			break
		}
		value, ok := d.value()
		if !ok {
			return nil, false
		}
		d.values = append(d.values, value)
		d.space()
		if !d.more(']') {
			if d.message != "" {
				return nil, false
			}
			break
		}
	}
	d.at++
	d.depth--
	list := append(make([]any, 0, len(d.values)-first), d.values[first:]...)
	d.values = d.values[:first]
	return list, true
}

// more says whether a comma follows; otherwise the end must stand here.
func (d *decoder) more(end byte) bool {
	if d.at >= len(d.data) {
		return d.fail("the input ends early")
	}
	if d.data[d.at] == end {
		return false
	}
	if d.data[d.at] != ',' {
		return d.fail("a comma was expected")
	}
	d.at++
	d.space()
	return true
}

func (d *decoder) number() (any, bool) {
	start := d.at
	data := d.data
	if data[d.at] == '-' {
		d.at++
	}
	digits := d.at
	d.digits()
	if d.at == digits || data[digits] == '0' && d.at > digits+1 {
		return nil, d.fail("a number is malformed")
	}
	isWhole := true
	if d.at < len(data) && data[d.at] == '.' {
		isWhole = false
		d.at++
		from := d.at
		d.digits()
		if d.at == from {
			return nil, d.fail("a number is malformed")
		}
	}
	if d.at < len(data) && (data[d.at] == 'e' || data[d.at] == 'E') {
		isWhole = false
		d.at++
		if d.at < len(data) && (data[d.at] == '+' || data[d.at] == '-') {
			d.at++
		}
		from := d.at
		d.digits()
		if d.at == from {
			return nil, d.fail("a number is malformed")
		}
	}
	text := d.view(start, d.at)
	if !isWhole {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, d.fail("the number " + text + " is out of range")
		}
		return number, true
	}
	if number, err := strconv.ParseInt(text, 10, 64); err == nil {
		return number, true
	}
	if len(text) > 1000 {
		return nil, d.fail("a number has more than 1,000 digits")
	}
	number, ok := new(big.Int).SetString(text, 10)
	return number, ok
}

func (d *decoder) digits() {
	for d.at < len(d.data) && d.data[d.at] >= '0' && d.data[d.at] <= '9' {
		d.at++
	}
}

func (d *decoder) view(from, to int) string {
	if from == to {
		return ""
	}
	return unsafe.String(&d.data[from], to-from)
}

func (d *decoder) text() (string, bool) {
	d.at++
	start := d.at
	for d.at < len(d.data) {
		switch c := d.data[d.at]; {
		case c == '"':
			text := d.view(start, d.at)
			d.at++
			return text, true
		case c == '\\':
			return d.escaped(start)
		case c < ' ':
			return "", d.fail("a control character in a string")
		}
		d.at++
	}
	return "", d.fail("the input ends in a string")
}

func (d *decoder) escaped(start int) (string, bool) {
	text := append([]byte(nil), d.data[start:d.at]...)
	for d.at < len(d.data) {
		c := d.data[d.at]
		d.at++
		switch {
		case c == '"':
			return string(text), true
		case c < ' ':
			return "", d.fail("a control character in a string")
		case c != '\\':
			text = append(text, c)
			continue
		}
		if d.at >= len(d.data) {
			break
		}
		c = d.data[d.at]
		d.at++
		switch c {
		case '"', '\\', '/':
			text = append(text, c)
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			r, ok := d.unit()
			if !ok {
				return "", false
			}
			if utf16.IsSurrogate(r) {
				r = d.pair(r)
			}
			text = utf8.AppendRune(text, r)
		default:
			return "", d.fail("an unknown escape in a string")
		}
	}
	return "", d.fail("the input ends in a string")
}

func (d *decoder) unit() (rune, bool) {
	if len(d.data)-d.at < 4 {
		return 0, d.fail("the input ends in a string")
	}
	number, err := strconv.ParseUint(d.view(d.at, d.at+4), 16, 16)
	if err != nil {
		return 0, d.fail("an unknown escape in a string")
	}
	d.at += 4
	return rune(number), true
}

// pair reads the second half of a surrogate pair; a half that stands alone becomes U+FFFD, as in encoding/json.
func (d *decoder) pair(first rune) rune {
	if len(d.data)-d.at < 6 || d.data[d.at] != '\\' || d.data[d.at+1] != 'u' {
		return utf8.RuneError
	}
	before := d.at
	d.at += 2
	second, ok := d.unit()
	if ok {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r
		}
	}
	d.message = ""
	d.at = before
	return utf8.RuneError
}

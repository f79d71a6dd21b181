package engine

import (
	"encoding/json"
	"math"
	"math/big"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"
)

// writer turns values into JSON text, within a length and a depth. Keys of Go maps are sorted, others keep their order.
type writer struct {
	buffer   []byte
	limit    int
	maxDepth int
	depth    int
}

func newWriter(limits Limits) *writer {
	return &writer{limit: limits.MaxOutputBytes, maxDepth: limits.MaxDepth}
}

func outputProblem(message string) *Problem { return &Problem{Kind: KindOutput, Message: message} }

func (w *writer) check() *Problem {
	if len(w.buffer) > w.limit {
		return outputProblem("the output is longer than " + strconv.Itoa(w.limit) + " bytes")
	}
	return nil
}

func (w *writer) enter(opening byte) *Problem {
	w.depth++
	if w.depth > w.maxDepth {
		return outputProblem("the output contains itself, or is deeper than " + strconv.Itoa(w.maxDepth) + " levels")
	}
	w.buffer = append(w.buffer, opening)
	return w.check()
}

func (w *writer) leave(closing byte) {
	w.depth--
	w.buffer = append(w.buffer, closing)
}

func (w *writer) float(number float64) *Problem {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return outputProblem("JSON has no number for " + strconv.FormatFloat(number, 'g', -1, 64))
	}
	text, err := json.Marshal(number)
	if err != nil {
		return outputProblem(err.Error())
	}
	w.buffer = append(w.buffer, text...)
	return nil
}

const hexDigits = "0123456789abcdef"

func (w *writer) text(text string) *Problem {
	if len(text)+len(w.buffer) > w.limit {
		w.buffer = append(w.buffer, text...)
		return w.check()
	}
	if !utf8.ValidString(text) {
		return outputProblem("a string of the output is not valid UTF-8: " + strconv.QuoteToASCII(cut(text, 60)))
	}
	w.buffer = append(w.buffer, '"')
	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		w.buffer = append(w.buffer, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			w.buffer = append(w.buffer, '\\', c)
		case '\n':
			w.buffer = append(w.buffer, '\\', 'n')
		case '\r':
			w.buffer = append(w.buffer, '\\', 'r')
		case '\t':
			w.buffer = append(w.buffer, '\\', 't')
		default:
			w.buffer = append(w.buffer, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	w.buffer = append(append(w.buffer, text[start:]...), '"')
	return w.check()
}

// object writes the fields that next hands out, until it hands out none.
func (w *writer) object(count int, field func(i int) (string, func() *Problem)) *Problem {
	if problem := w.enter('{'); problem != nil {
		return problem
	}
	for i := range count {
		if i > 0 {
			w.buffer = append(w.buffer, ',')
		}
		key, value := field(i)
		if problem := w.text(key); problem != nil {
			return problem
		}
		w.buffer = append(w.buffer, ':')
		if problem := value(); problem != nil {
			return problem
		}
	}
	w.leave('}')
	return w.check()
}

func (w *writer) list(count int, item func(i int) *Problem) *Problem {
	if problem := w.enter('['); problem != nil {
		return problem
	}
	for i := range count {
		if i > 0 {
			w.buffer = append(w.buffer, ',')
		}
		if problem := item(i); problem != nil {
			return problem
		}
	}
	w.leave(']')
	return w.check()
}

// goValue writes what templates and Go programs work with. Other types are written by encoding/json, so that struct tags hold.
func (w *writer) goValue(value any) *Problem {
	switch value := value.(type) {
	case nil:
		w.buffer = append(w.buffer, "null"...)
	case bool:
		w.buffer = strconv.AppendBool(w.buffer, value)
	case string:
		return w.text(value)
	case int:
		w.buffer = strconv.AppendInt(w.buffer, int64(value), 10)
	case int64:
		w.buffer = strconv.AppendInt(w.buffer, value, 10)
	case uint64:
		w.buffer = strconv.AppendUint(w.buffer, value, 10)
	case *big.Int:
		w.buffer = value.Append(w.buffer, 10)
	case float64:
		return w.float(value)
	case time.Time:
		return w.text(value.Format(time.RFC3339Nano))
	case map[string]any:
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		return w.object(len(keys), func(i int) (string, func() *Problem) {
			return keys[i], func() *Problem { return w.goValue(value[keys[i]]) }
		})
	case []any:
		return w.list(len(value), func(i int) *Problem { return w.goValue(value[i]) })
	case []string:
		return w.list(len(value), func(i int) *Problem { return w.text(value[i]) })
	case map[any]any:
		return outputProblem("a key of the output is not a string")
	case *Object:
		names := value.sortedKeys()
		return w.object(len(names), func(i int) (string, func() *Problem) {
			return names[i], func() *Problem {
				inner, _ := value.Get(names[i])
				return w.goValue(inner)
			}
		})
	default:
		text, err := json.Marshal(value)
		if err != nil {
			return outputProblem(err.Error())
		}
		w.buffer = append(w.buffer, text...)
	}
	return w.check()
}

// sortedKeys are the keys of an object, each once.
func (o *Object) sortedKeys() []string {
	names := append([]string(nil), o.keys...)
	sort.Strings(names)
	kept := names[:0]
	for i, name := range names {
		if i == 0 || name != names[i-1] {
			kept = append(kept, name)
		}
	}
	return kept
}

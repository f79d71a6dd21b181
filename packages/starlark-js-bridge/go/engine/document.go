package engine

// Object is a JSON object as it was written. It is never changed after it was decoded, so that many runs can read one.
// A key may stand in it twice; the last one counts, as in encoding/json.
type Object struct {
	keys   []string
	values []any
	index  map[string]int
}

// Beyond this many keys an object is looked up by a map.
const indexFrom = 24

// Get returns the value of a key: nil, bool, string, int64, *big.Int, float64, []any or *Object.
func (o *Object) Get(key string) (any, bool) {
	at := o.find(key)
	if at < 0 {
		return nil, false
	}
	return o.values[at], true
}

func (o *Object) find(key string) int {
	if len(o.keys) >= indexFrom {
		if o.index == nil {
			o.index = make(map[string]int, len(o.keys))
			for i, name := range o.keys {
				o.index[name] = i
			}
		}
		if at, ok := o.index[key]; ok {
			return at
		}
		return -1
	}
	for i := len(o.keys) - 1; i >= 0; i-- {
		if o.keys[i] == key {
			return i
		}
	}
	return -1
}

// Over lays another object over this one, at the top level.
func (o *Object) Over(top *Object) *Object {
	if top == nil || len(top.keys) == 0 {
		return o
	}
	keys := make([]string, 0, len(o.keys)+len(top.keys))
	values := make([]any, 0, len(o.keys)+len(top.keys))
	return &Object{keys: append(append(keys, o.keys...), top.keys...), values: append(append(values, o.values...), top.values...)}
}

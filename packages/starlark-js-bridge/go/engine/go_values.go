package engine

import "math/big"

// numberForm says how whole numbers look to an engine.
type numberForm int

const (
	// Every number is a float64, as encoding/json decodes into an interface.
	allFloats numberForm = iota
	// Numbers are float64 as long as that is exact; whole numbers beyond 2^53 stay whole.
	floatsWhileExact
)

const exactLimit = 1 << 53

// goValueOf makes maps and slices of a decoded value: a deep copy, which a script may change.
func goValueOf(value any, form numberForm) any {
	switch value := value.(type) {
	case *Object:
		fields := make(map[string]any, len(value.keys))
		for i, key := range value.keys {
			fields[key] = goValueOf(value.values[i], form)
		}
		return fields
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = goValueOf(item, form)
		}
		return items
	case int64:
		if form == allFloats || value <= exactLimit && value >= -exactLimit {
			return float64(value)
		}
		return value
	case *big.Int:
		if form == allFloats {
			number, _ := new(big.Float).SetInt(value).Float64()
			return number
		}
		return new(big.Int).Set(value)
	default:
		return value
	}
}

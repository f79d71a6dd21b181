package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"text/template"
)

// comparisons replace the engine's own where whole numbers and floats meet: numbers of a payload are floats, those in a template's text are
// ints, and the engine refuses to compare the two.
var comparisons = template.FuncMap{
	"eq": func(first any, others ...any) (bool, error) {
		if len(others) == 0 {
			return false, errors.New("missing argument for comparison")
		}
		for _, other := range others {
			if isEqual, err := equal(first, other); err != nil || isEqual {
				return isEqual, err
			}
		}
		return false, nil
	},
	"ne": func(one, other any) (bool, error) {
		isEqual, err := equal(one, other)
		return !isEqual, err
	},
	"lt": ordered(func(order int) bool { return order < 0 }),
	"le": ordered(func(order int) bool { return order <= 0 }),
	"gt": ordered(func(order int) bool { return order > 0 }),
	"ge": ordered(func(order int) bool { return order >= 0 }),
}

// class is what the engine compares alike; all numbers are one class here.
type class int

const (
	otherClass class = iota
	boolClass
	textClass
	numberClass
	complexClass
)

func classOf(v reflect.Value) class {
	switch {
	case !v.IsValid():
		return otherClass
	case v.CanInt(), v.CanUint(), v.CanFloat(), v.Type() == bigType:
		return numberClass
	case v.Kind() == reflect.String:
		return textClass
	case v.Kind() == reflect.Bool:
		return boolClass
	case v.CanComplex():
		return complexClass
	}
	return otherClass
}

var bigType = reflect.TypeFor[*big.Int]()

// order compares two numbers; it is not a number when one of them is none (NaN).
func order(v, w reflect.Value) (order int, isOrdered bool) {
	one, isExact := exactFloat(v)
	other, isOtherExact := exactFloat(w)
	if one != one || other != other {
		return 0, false
	}
	if isExact && isOtherExact {
		return cmp.Compare(one, other), true
	}
	return wideNumber(v).Cmp(wideNumber(w)), true
}

// exactFloat is the number as a float, and whether nothing is lost by that.
func exactFloat(v reflect.Value) (float64, bool) {
	switch {
	case v.CanFloat():
		return v.Float(), true
	case v.CanInt():
		return float64(v.Int()), v.Int() <= exactLimit && v.Int() >= -exactLimit
	case v.CanUint():
		return float64(v.Uint()), v.Uint() <= exactLimit
	}
	return 0, false
}

func wideNumber(v reflect.Value) *big.Float {
	wide := new(big.Float)
	switch {
	case v.CanFloat():
		return wide.SetFloat64(v.Float())
	case v.CanInt():
		return wide.SetInt64(v.Int())
	case v.CanUint():
		return wide.SetUint64(v.Uint())
	}
	whole, _ := v.Interface().(*big.Int)
	return wide.SetInt(whole)
}

func equal(one, other any) (bool, error) {
	v, w := reflect.ValueOf(one), reflect.ValueOf(other)
	kind := classOf(v)
	if kind != classOf(w) {
		if v.IsValid() && w.IsValid() {
			return false, fmt.Errorf("incompatible types for comparison: %v and %v", v.Type(), w.Type())
		}
		return false, nil
	}
	switch kind {
	case numberClass:
		order, isOrdered := order(v, w)
		return isOrdered && order == 0, nil
	case textClass:
		return v.String() == w.String(), nil
	case boolClass:
		return v.Bool() == w.Bool(), nil
	case complexClass:
		return v.Complex() == w.Complex(), nil
	}
	if isNil(v) || isNil(w) {
		return isNil(v) == isNil(w), nil
	}
	if v.Kind() != w.Kind() {
		return false, fmt.Errorf("non-comparable types: %v and %v", v.Type(), w.Type())
	}
	if !w.Type().Comparable() {
		return false, fmt.Errorf("non-comparable type: %v", w.Type())
	}
	return one == other, nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Chan, reflect.Func, reflect.Map, reflect.Pointer, reflect.Slice:
		return v.IsNil()
	}
	return false
}

var errNoOrder = errors.New("invalid type for comparison")

func ordered(holds func(order int) bool) func(one, other any) (bool, error) {
	return func(one, other any) (bool, error) {
		v, w := reflect.ValueOf(one), reflect.ValueOf(other)
		kind := classOf(v)
		switch {
		case kind == otherClass || classOf(w) == otherClass:
			return false, errNoOrder
		case kind != classOf(w):
			return false, fmt.Errorf("incompatible types for comparison: %v and %v", v.Type(), w.Type())
		case kind == numberClass:
			order, isOrdered := order(v, w)
			return isOrdered && holds(order), nil
		case kind == textClass:
			return holds(cmp.Compare(v.String(), w.String())), nil
		}
		return false, errNoOrder
	}
}

package engine

import (
	"fmt"
	"math/big"
	"sort"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// starlarkObject is a JSON object as scripts see it: a struct, as in upstream Pharos. It makes the values of its fields when they are asked
// for, because a script looks at few of the thousands of values of a payload. It prints, compares and adds like starlarkstruct.Struct.
type starlarkObject struct {
	document *Object
	form     numberForm
	// Lists and objects that were handed out: a script that appends to a list must find it again.
	kept []starlark.Value
	// Set instead of document for the sum of two structs.
	fields starlark.StringDict
}

var (
	_ starlark.HasAttrs   = (*starlarkObject)(nil)
	_ starlark.HasBinary  = (*starlarkObject)(nil)
	_ starlark.Comparable = (*starlarkObject)(nil)
)

func (o *starlarkObject) Type() string         { return "struct" }
func (o *starlarkObject) Truth() starlark.Bool { return true }

func (o *starlarkObject) Freeze() {
	for _, name := range o.AttrNames() {
		if value, err := o.Attr(name); err == nil {
			value.Freeze()
		}
	}
}

func (o *starlarkObject) String() string {
	var text strings.Builder
	text.WriteString("struct(")
	for i, name := range o.AttrNames() {
		if i > 0 {
			text.WriteString(", ")
		}
		value, _ := o.Attr(name)
		text.WriteString(name)
		text.WriteString(" = ")
		text.WriteString(value.String())
	}
	text.WriteString(")")
	return text.String()
}

func (o *starlarkObject) Hash() (uint32, error) {
	var sum uint32 = 8731
	for _, name := range o.AttrNames() {
		value, _ := o.Attr(name)
		inner, err := value.Hash()
		if err != nil {
			return 0, err
		}
		nameHash, _ := starlark.String(name).Hash()
		sum = (sum ^ nameHash*3 ^ inner*7) * 16777619
	}
	return sum, nil
}

func (o *starlarkObject) AttrNames() []string {
	if o.document != nil {
		return o.document.sortedKeys()
	}
	names := make([]string, 0, len(o.fields))
	for name := range o.fields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (o *starlarkObject) Attr(name string) (starlark.Value, error) {
	if o.document == nil {
		if value, ok := o.fields[name]; ok {
			return value, nil
		}
		return nil, starlark.NoSuchAttrError(fmt.Sprintf("struct has no .%s attribute", name))
	}
	at := o.document.find(name)
	if at < 0 {
		return nil, starlark.NoSuchAttrError(fmt.Sprintf("struct has no .%s attribute", name))
	}
	switch o.document.values[at].(type) {
	case *Object, []any:
		if o.kept == nil {
			o.kept = make([]starlark.Value, len(o.document.values))
		}
		if o.kept[at] == nil {
			o.kept[at] = starlarkValueOf(o.document.values[at], o.form)
		}
		return o.kept[at], nil
	}
	return starlarkValueOf(o.document.values[at], o.form), nil
}

func (o *starlarkObject) Binary(op syntax.Token, y starlark.Value, _ starlark.Side) (starlark.Value, error) {
	other, ok := y.(*starlarkObject)
	if !ok || op != syntax.PLUS {
		return nil, nil
	}
	sum := starlark.StringDict{}
	for _, part := range []*starlarkObject{o, other} {
		for _, name := range part.AttrNames() {
			sum[name], _ = part.Attr(name)
		}
	}
	return &starlarkObject{fields: sum}, nil
}

func (o *starlarkObject) CompareSameType(op syntax.Token, y starlark.Value, depth int) (bool, error) {
	other, ok := y.(*starlarkObject)
	if !ok || op != syntax.EQL && op != syntax.NEQ {
		return false, fmt.Errorf("%s %s %s not implemented", o.Type(), op, y.Type())
	}
	isEqual, err := o.equals(other, depth)
	return isEqual == (op == syntax.EQL), err
}

func (o *starlarkObject) equals(other *starlarkObject, depth int) (bool, error) {
	names, others := o.AttrNames(), other.AttrNames()
	if len(names) != len(others) {
		return false, nil
	}
	for i, name := range names {
		if name != others[i] {
			return false, nil
		}
		one, _ := o.Attr(name)
		two, _ := other.Attr(name)
		if isEqual, err := starlark.EqualDepth(one, two, depth-1); err != nil || !isEqual {
			return false, err
		}
	}
	return true, nil
}

func starlarkValueOf(value any, form numberForm) starlark.Value {
	switch value := value.(type) {
	case nil:
		return starlark.None
	case bool:
		return starlark.Bool(value)
	case string:
		return starlark.String(value)
	case int64:
		if form == allFloats {
			return starlark.Float(value)
		}
		return starlark.MakeInt64(value)
	case *big.Int:
		if form == allFloats {
			number, _ := new(big.Float).SetInt(value).Float64()
			return starlark.Float(number)
		}
		return starlark.MakeBigInt(value)
	case float64:
		return starlark.Float(value)
	case []any:
		items := make([]starlark.Value, len(value))
		// One allocation for all objects of a list: a list of findings is thousands of them.
		objects := make([]starlarkObject, 0, countObjects(value))
		for i, item := range value {
			if inner, ok := item.(*Object); ok {
				objects = append(objects, starlarkObject{document: inner, form: form})
				items[i] = &objects[len(objects)-1]
			} else {
				items[i] = starlarkValueOf(item, form)
			}
		}
		return starlark.NewList(items)
	case *Object:
		return &starlarkObject{document: value, form: form}
	}
	return starlark.None
}

func countObjects(items []any) int {
	count := 0
	for _, item := range items {
		if _, ok := item.(*Object); ok {
			count++
		}
	}
	return count
}

// starlarkValue writes what a script returned.
func (w *writer) starlarkValue(value starlark.Value) *Problem {
	switch value := value.(type) {
	case starlark.NoneType:
		w.buffer = append(w.buffer, "null"...)
		return nil
	case starlark.Bool:
		return w.goValue(bool(value))
	case starlark.String:
		return w.text(string(value))
	case starlark.Int:
		w.buffer = append(w.buffer, value.String()...)
		return w.check()
	case starlark.Float:
		return w.float(float64(value))
	case *starlark.List:
		return w.list(value.Len(), func(i int) *Problem { return w.starlarkValue(value.Index(i)) })
	case starlark.Tuple:
		return w.list(len(value), func(i int) *Problem { return w.starlarkValue(value[i]) })
	case *starlark.Dict:
		return w.starlarkDict(value)
	case *starlarkObject:
		names := value.AttrNames()
		return w.object(len(names), func(i int) (string, func() *Problem) {
			return names[i], func() *Problem {
				inner, _ := value.Attr(names[i])
				return w.starlarkValue(inner)
			}
		})
	}
	return outputProblem("JSON has no form for a value of type " + value.Type())
}

func (w *writer) starlarkDict(dict *starlark.Dict) *Problem {
	items := dict.Items()
	for _, item := range items {
		if _, ok := item[0].(starlark.String); !ok {
			return outputProblem("a key of the output is not a string: " + cut(item[0].String(), 60))
		}
	}
	return w.object(len(items), func(i int) (string, func() *Problem) {
		key, _ := starlark.AsString(items[i][0])
		return key, func() *Problem { return w.starlarkValue(items[i][1]) }
	})
}

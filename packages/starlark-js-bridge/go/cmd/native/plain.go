//go:build !wasip1

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	starlarkjson "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"

	"pharos/starlark-js-bridge/engine"
)

// The engines as they are, with nothing of ours around them: what conformance is held against.

func plainStarlark(source string, input []byte) (string, error) {
	thread := &starlark.Thread{Name: "plain"}
	globals, err := starlark.ExecFileOptions(&syntax.FileOptions{}, thread, "plain.star", source, starlark.StringDict{})
	if err != nil {
		return "", err
	}
	decoded, err := starlark.Call(thread, starlarkjson.Module.Members["decode"], starlark.Tuple{starlark.String(input)}, nil)
	if err != nil {
		return "", err
	}
	result, err := starlark.Call(thread, globals["enrich"], starlark.Tuple{structOf(decoded)}, nil)
	if err != nil {
		return "", err
	}
	text, err := starlark.Call(thread, starlarkjson.Module.Members["encode"], starlark.Tuple{result}, nil)
	if err != nil {
		return "", err
	}
	output, _ := starlark.AsString(text)
	return output, nil
}

// structOf makes structs of dicts, as upstream Pharos hands objects to scripts.
func structOf(value starlark.Value) starlark.Value {
	switch value := value.(type) {
	case *starlark.Dict:
		fields := starlark.StringDict{}
		for _, item := range value.Items() {
			name, _ := starlark.AsString(item[0])
			fields[name] = structOf(item[1])
		}
		return starlarkstruct.FromStringDict(starlarkstruct.Default, fields)
	case *starlark.List:
		items := make([]starlark.Value, value.Len())
		for i := range items {
			items[i] = structOf(value.Index(i))
		}
		return starlark.NewList(items)
	}
	return value
}

func plainTemplate(source string, input []byte) (string, error) {
	var data any
	if err := json.Unmarshal(input, &data); err != nil {
		return "", err
	}
	parsed, err := template.New("plain").Funcs(sprig.TxtFuncMap()).Parse(source)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, data)
	return text.String(), err
}

func plain(job *engine.Job, input []byte, h host) {
	script := job.Chains[0].Steps[0]
	output, err := "", error(nil)
	func() {
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("panic: %v", cause)
			}
		}()
		if script.Engine == "starlark" {
			output, err = plainStarlark(script.Source, input)
		} else {
			output, err = plainTemplate(script.Source, input)
		}
	}()
	result := engine.Result{OK: err == nil}
	if err != nil {
		result.Error = &engine.Problem{Kind: engine.KindRuntime, Message: err.Error()}
	}
	h.Finish(0, result, []byte(output))
}

// functions lists those that sprig has.
func functions(h host) {
	names := slices.Sorted(maps.Keys(sprig.TxtFuncMap()))
	text, _ := json.Marshal(names)
	h.Finish(0, engine.Result{OK: true}, text)
}

package engine

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"reflect"
	"strings"
	"testing"
)

func decoded(t *testing.T, text string) any {
	t.Helper()
	value, problem := Decode([]byte(text), 200)
	if problem != nil {
		t.Fatalf("%s: %s", text, problem.Message)
	}
	return goValueOf(value, allFloats)
}

func TestDecodeGivesWhatEncodingJSONGives(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, ` [ ] `, `{}`, `{"a":1,"a":2}`, `"\u00fc\ud83d\ude42\ud800\ud800x\udc00"`, `"\"\\\/\b\f\n\r\t"`, `-0`, `0.5e-3`, `1E5`, `123456789012345678901`,
		`[1,[2,[3,{"x":[null,false]}]]]`, `{"":{"":""}}`, `"é"`, "\"\u2028\"", `-9223372036854775808`, `9007199254740993`,
	} {
		var want any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got := decoded(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, not %#v", text, got, want)
		}
	}
}

func TestDecodeRefusesWhatEncodingJSONRefuses(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{`, `[1,]`, `{"a":1,}`, `{"a"}`, `{a:1}`, `[1 2]`, `01`, `-`, `1.`, `.5`, `1e`, `+1`, `nul`, `tru`, `"a`, `"\x"`, `"\u12"`, "\"\n\"", `1 2`, `[1}`, `{"a":1]`, `'a'`, `NaN`,
		`{,}`, `[,1]`, `"\`, "\x00", `--1`, `1e400`,
	} {
		var ignored any
		if json.Unmarshal([]byte(text), &ignored) == nil {
			t.Fatalf("%s is JSON after all", text)
		}
		if value, problem := Decode([]byte(text), 200); problem == nil || problem.Kind != KindInput {
			t.Errorf("%q was taken as %#v", text, value)
		}
	}
}

func TestDecodeHasItsOwnLimits(t *testing.T) {
	for _, text := range []string{"\"\xff\"", strings.Repeat("[", 300) + strings.Repeat("]", 300), strings.Repeat("9", 2000)} {
		if _, problem := Decode([]byte(text), 200); problem == nil || problem.Kind != KindInput {
			t.Errorf("%q was taken", cut(text, 20))
		}
	}
}

// made is a value as chance has it.
func made(random *rand.Rand, depth int) any {
	switch kind := random.Intn(8); {
	case kind == 0:
		return nil
	case kind == 1:
		return random.Intn(2) == 0
	case kind == 2:
		return random.NormFloat64() * 1e6
	case kind == 3:
		return float64(random.Int63n(1 << 52))
	case kind < 6 || depth == 0:
		return strings.ToValidUTF8(string([]rune{rune(random.Intn(0x500)), '"', rune(random.Intn(0x20)), rune(0x1F600 + random.Intn(80))}), "")
	case kind == 6:
		list := make([]any, random.Intn(4))
		for i := range list {
			list[i] = made(random, depth-1)
		}
		return list
	}
	fields := map[string]any{}
	for range random.Intn(30) {
		fields[string(rune('a'+random.Intn(26)))+string(rune(random.Intn(300)))] = made(random, depth-1)
	}
	return fields
}

func TestDecodeAndWriteAreInversesOverManyValues(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for range 2_000 {
		value := made(random, 4)
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		got := decoded(t, string(text))
		var want any
		_ = json.Unmarshal(text, &want)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %#v", text, got)
		}
		w := newWriter(Limits{MaxOutputBytes: 1 << 20, MaxDepth: 100})
		if problem := w.goValue(got); problem != nil {
			t.Fatal(problem.Message)
		}
		var again any
		if err := json.Unmarshal(w.buffer, &again); err != nil || !reflect.DeepEqual(again, want) {
			t.Fatalf("%s was written as %s (%v)", text, w.buffer, err)
		}
		document, _ := Decode(text, 200)
		untouched := newWriter(Limits{MaxOutputBytes: 1 << 20, MaxDepth: 100})
		if problem := untouched.starlarkValue(starlarkValueOf(document, floatsWhileExact)); problem != nil {
			t.Fatal(problem.Message)
		}
		_ = json.Unmarshal(untouched.buffer, &again)
		if !reflect.DeepEqual(again, want) || bytes.Contains(untouched.buffer, []byte("NaN")) {
			t.Fatalf("%s was written as %s", text, untouched.buffer)
		}
	}
}

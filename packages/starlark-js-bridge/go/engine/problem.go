package engine

import (
	"regexp"
	"strconv"
	"strings"
)

// Kinds of problems. The host adds those that a run cannot tell of itself: timeout, memory, stack, crash.
const (
	KindSyntax   = "syntax"
	KindContract = "contract"
	KindRuntime  = "runtime"
	KindSteps    = "steps"
	KindOutput   = "output"
	KindInput    = "input"
	KindNetwork  = "network"
	KindStack    = "stack"
)

// Problem says why a script failed, and where.
type Problem struct {
	Kind    string `json:"kind"`
	Engine  string `json:"engine,omitempty"`
	Script  string `json:"script,omitempty"`
	Message string `json:"message"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Trace   string `json:"trace,omitempty"`
}

const (
	limitMessage = 2_000
	limitTrace   = 8_000
)

func (p *Problem) of(engine, script string) *Problem {
	p.Engine, p.Script = engine, script
	p.Message, p.Trace = cut(p.Message, limitMessage), cut(p.Trace, limitTrace)
	return p
}

// cut shortens a text, never inside a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:limit], "") + " ..."
}

var placePattern = regexp.MustCompile(`^(\d+):(?:(\d+):)? ?`)

// takePlace reads `line:` or `line:column:` at the start of a text that an engine wrote.
func (p *Problem) takePlace(text string) (rest string) {
	found := placePattern.FindStringSubmatch(text)
	if found == nil {
		return text
	}
	p.Line, _ = strconv.Atoi(found[1])
	p.Column, _ = strconv.Atoi(found[2])
	return text[len(found[0]):]
}

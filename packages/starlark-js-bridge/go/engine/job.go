// Package engine runs scripts of three engines behind one interface: Starlark, text/template with sprig, and Yaegi. It knows nothing of
// where it runs: cmd/reactor puts it into WebAssembly, cmd/native into a process, which is what tests and benchmarks compare with.
package engine

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Script is one script; its name stands in errors.
type Script struct {
	Engine string `json:"engine"`
	Name   string `json:"name"`
	Source string `json:"source"`
}

// Limits hold for each chain.
type Limits struct {
	Steps          uint64 `json:"steps"`
	MaxOutputBytes int    `json:"maxOutputBytes"`
	MaxDepth       int    `json:"maxDepth"`
	MaxPrintLines  int    `json:"maxPrintLines"`
}

// Job is one piece of work for the engines.
type Job struct {
	// run, validate or text.
	Operation string `json:"operation"`
	Limits    Limits `json:"limits"`
	// auto or float.
	Numbers string `json:"numbers"`
	Seed    int64  `json:"seed"`
	// The chains of a run by their index in the caller's list; `validate` looks at the only script of the only chain.
	Chains []Chain `json:"chains"`
	Text   *Text   `json:"text,omitempty"`
}

// Chain is scripts of which each gets the output of the one before.
type Chain struct {
	Index int      `json:"index"`
	Steps []Script `json:"steps"`
}

// Text is a template whose result is text.
type Text struct {
	Templates []Script `json:"templates"`
	Root      string   `json:"root"`
	Functions string   `json:"functions"`
}

// Result is what a chain gave; the output travels beside it.
type Result struct {
	OK    bool     `json:"ok"`
	Steps uint64   `json:"steps"`
	Error *Problem `json:"error,omitempty"`
}

// Host is the outside of the engines.
type Host interface {
	// Begin tells that a step of a chain starts; its first also starts the chain.
	Begin(chain, step int)
	// Print takes one line that a script printed.
	Print(chain int, line string)
	// Finish takes the result of a chain, once for each.
	Finish(chain int, result Result, output []byte)
}

// Do runs a job. The shared text and what belongs to each chain are JSON; they must not change any more.
func Do(job *Job, shared []byte, own [][]byte, host Host) {
	switch job.Operation {
	case "validate":
		runOne(job, host, func(*session) ([]byte, *Problem) { return nil, validate(job.Chains[0].Steps[0]) })
	case "text":
		runOne(job, host, func(s *session) ([]byte, *Problem) { return renderText(s, job.Text, shared) })
	default:
		runChains(job, shared, own, host)
	}
}

// session is what one chain has while it runs.
type session struct {
	job   *Job
	host  Host
	chain int
	// Lines that the chain has printed.
	lines int
	steps uint64
	// Set by whatever is refused the network, so that a script that ends of it says so.
	refused string
}

func runOne(job *Job, host Host, work func(*session) ([]byte, *Problem)) {
	s := &session{job: job, host: host}
	host.Begin(0, 0)
	output, problem := guarded(func() ([]byte, *Problem) { return work(s) })
	s.finish(output, problem)
}

func (s *session) finish(output []byte, problem *Problem) {
	if problem != nil {
		if s.refused != "" && problem.Kind == KindRuntime {
			problem.Kind = KindNetwork
		}
		output = nil
	}
	s.host.Finish(s.chain, Result{OK: problem == nil, Steps: s.steps, Error: problem}, output)
}

// guarded turns a panic of an engine into a problem: it is an engine's bug, or a script's that the engine let through.
func guarded(work func() ([]byte, *Problem)) (output []byte, problem *Problem) {
	defer func() {
		if cause := recover(); cause != nil {
			output, problem = nil, &Problem{Kind: KindRuntime, Message: fmt.Sprint(cause)}
		}
	}()
	return work()
}

const (
	limitLine = 2_000
)

// print takes what a script prints; each of its lines counts.
func (s *session) print(text string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if s.lines >= s.job.Limits.MaxPrintLines {
			return
		}
		s.lines++
		s.host.Print(s.chain, cut(line, limitLine))
	}
}

// input is the decoded document, with the maps that were made of it.
type input struct {
	document *Object
	// Maps that no run may change, shared by those that do not.
	maps map[numberForm]map[string]any
}

func newInput(document *Object) *input {
	return &input{document: document, maps: map[numberForm]map[string]any{}}
}

// readOnly are maps that the caller promises not to change.
func (in *input) readOnly(form numberForm) map[string]any {
	if in.maps[form] == nil {
		in.maps[form] = in.own(form)
	}
	return in.maps[form]
}

// own are maps that the caller may change.
func (in *input) own(form numberForm) map[string]any {
	fields, _ := goValueOf(in.document, form).(map[string]any)
	return fields
}

func runChains(job *Job, shared []byte, own [][]byte, host Host) {
	document, problem := DecodeObject(shared, job.Limits.MaxDepth)
	var common *input
	if problem == nil {
		common = newInput(document)
	}
	for i, chain := range job.Chains {
		s := &session{job: job, host: host, chain: chain.Index}
		host.Begin(chain.Index, 0)
		if problem != nil {
			step := chain.Steps[0]
			copied := *problem
			s.finish(nil, copied.of(step.Engine, step.Name))
			continue
		}
		output, chainProblem := runChain(s, common, own[i], chain.Steps)
		s.finish(output, chainProblem)
	}
}

func runChain(s *session, common *input, own []byte, steps []Script) (output []byte, problem *Problem) {
	in := common
	if len(own) > 0 {
		top, problem := DecodeObject(own, s.job.Limits.MaxDepth)
		if problem != nil {
			return nil, problem.of(steps[0].Engine, steps[0].Name)
		}
		in = newInput(common.document.Over(top))
	}
	for i, step := range steps {
		if i > 0 {
			s.host.Begin(s.chain, i)
		}
		output, problem = guarded(func() ([]byte, *Problem) { return runStep(s, in, step) })
		if problem != nil {
			return nil, problem.of(step.Engine, step.Name)
		}
		if i+1 == len(steps) {
			break
		}
		document, problem := DecodeObject(output, s.job.Limits.MaxDepth)
		if problem != nil {
			return nil, problem.of(step.Engine, step.Name)
		}
		in = newInput(document)
	}
	return output, nil
}

func runStep(s *session, in *input, step Script) ([]byte, *Problem) {
	switch step.Engine {
	case "starlark":
		return runStarlark(s, in, step)
	case "template":
		return runTemplate(s, in, step)
	case "yaegi":
		return runYaegi(s, in, step)
	}
	return nil, &Problem{Kind: KindContract, Message: "there is no engine " + step.Engine}
}

func validate(step Script) *Problem {
	var problem *Problem
	switch step.Engine {
	case "starlark":
		problem = validateStarlark(step)
	case "template":
		problem = validateTemplate(step)
	case "yaegi":
		problem = validateYaegi(step)
	default:
		problem = &Problem{Kind: KindContract, Message: "there is no engine " + step.Engine}
	}
	if problem != nil {
		return problem.of(step.Engine, step.Name)
	}
	return nil
}

// DecodeJob reads a job as its caller wrote it.
func DecodeJob(text []byte) (*Job, error) {
	job := &Job{}
	return job, json.Unmarshal(text, job)
}

package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
	starlarkjson "go.starlark.net/lib/json"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The dialect without while, recursion, load, sets and top-level control flow: every program of it ends, and step limits are a second line.
var dialect = &syntax.FileOptions{}

func starlarkBuiltins(s *session) starlark.StringDict {
	return starlark.StringDict{
		"matches":  starlark.NewBuiltin("matches", starlarkMatches),
		"semver":   starlark.NewBuiltin("semver", starlarkSemver),
		"json":     starlarkjson.Module,
		"http_get": starlark.NewBuiltin("http_get", s.starlarkGet),
	}
}

func starlarkMatches(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var pattern, text string
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &pattern, &text); err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("matches: %w", err)
	}
	return starlark.Bool(compiled.MatchString(text)), nil
}

func starlarkSemver(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var version, constraint string
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &version, &constraint); err != nil {
		return nil, err
	}
	wanted, err := semver.NewConstraint(constraint)
	if err != nil {
		return nil, fmt.Errorf("semver: the constraint %q: %w", constraint, err)
	}
	found, err := semver.NewVersion(version)
	if err != nil {
		return nil, fmt.Errorf("semver: the version %q: %w", version, err)
	}
	return starlark.Bool(wanted.Check(found)), nil
}

func (s *session) starlarkForm() numberForm {
	if s.job.Numbers == "float" {
		return allFloats
	}
	return floatsWhileExact
}

func runStarlark(s *session, in *input, step Script) ([]byte, *Problem) {
	left := s.job.Limits.Steps - min(s.steps, s.job.Limits.Steps)
	isOver := false
	thread := &starlark.Thread{Name: step.Name, Print: func(_ *starlark.Thread, text string) { s.print(text) }}
	thread.SetMaxExecutionSteps(max(left, 1))
	thread.OnMaxSteps = func(thread *starlark.Thread) {
		isOver = true
		thread.Cancel("too many steps")
	}
	failed := func(err error) *Problem {
		problem := starlarkProblem(err)
		if isOver {
			problem.Kind, problem.Message = KindSteps, fmt.Sprintf("the script takes more than %d steps", s.job.Limits.Steps)
		}
		return problem
	}
	defer func() { s.steps += thread.ExecutionSteps() }()
	globals, err := starlark.ExecFileOptions(dialect, thread, step.Name, step.Source, starlarkBuiltins(s))
	if err != nil {
		return nil, failed(err)
	}
	enrich, ok := globals["enrich"].(starlark.Callable)
	if !ok {
		return nil, &Problem{Kind: KindContract, Message: "the script defines no function enrich(input)"}
	}
	result, err := starlark.Call(thread, enrich, starlark.Tuple{&starlarkObject{document: in.document, form: s.starlarkForm()}}, nil)
	if err != nil {
		return nil, failed(err)
	}
	switch result.(type) {
	case *starlark.Dict, *starlarkObject:
	default:
		return nil, outputProblem("enrich must return a dict, not " + result.Type())
	}
	w := newWriter(s.job.Limits)
	if problem := w.starlarkValue(result); problem != nil {
		return nil, problem
	}
	return w.buffer, nil
}

// starlarkProblem finds the place of an error: where the innermost call of the script stands.
func starlarkProblem(err error) *Problem {
	var syntaxError syntax.Error
	var resolveErrors resolve.ErrorList
	var evalError *starlark.EvalError
	switch {
	case errors.As(err, &syntaxError):
		return &Problem{Kind: KindSyntax, Message: syntaxError.Msg, Line: int(syntaxError.Pos.Line), Column: int(syntaxError.Pos.Col)}
	case errors.As(err, &resolveErrors):
		first := resolveErrors[0]
		messages := make([]string, len(resolveErrors))
		for i, each := range resolveErrors {
			messages[i] = fmt.Sprintf("%d:%d: %s", each.Pos.Line, each.Pos.Col, each.Msg)
		}
		problem := &Problem{Kind: KindSyntax, Message: first.Msg, Line: int(first.Pos.Line), Column: int(first.Pos.Col)}
		if len(messages) > 1 {
			problem.Trace = strings.Join(messages, "\n")
		}
		return problem
	case errors.As(err, &evalError):
		problem := &Problem{Kind: KindRuntime, Message: evalError.Msg, Trace: evalError.Backtrace()}
		for i := len(evalError.CallStack) - 1; i >= 0; i-- {
			if at := evalError.CallStack[i].Pos; at.Line > 0 && at.Filename() != "<builtin>" {
				problem.Line, problem.Column = int(at.Line), int(at.Col)
				break
			}
		}
		return problem
	}
	return &Problem{Kind: KindRuntime, Message: err.Error()}
}

func validateStarlark(step Script) *Problem {
	names := starlarkBuiltins(&session{})
	file, _, err := starlark.SourceProgramOptions(dialect, step.Name, step.Source, names.Has)
	if err != nil {
		return starlarkProblem(err)
	}
	for _, statement := range file.Stmts {
		switch statement := statement.(type) {
		case *syntax.DefStmt:
			if statement.Name.Name == "enrich" {
				return checkStarlarkParameters(statement)
			}
		case *syntax.AssignStmt:
			if name, ok := statement.LHS.(*syntax.Ident); ok && name.Name == "enrich" {
				return nil
			}
		}
	}
	return &Problem{Kind: KindContract, Message: "the script defines no function enrich(input)"}
}

// checkStarlarkParameters sees to it that the function can be called with one argument.
func checkStarlarkParameters(function *syntax.DefStmt) *Problem {
	required, positional := 0, 0
	isOpen := false
	for _, parameter := range function.Params {
		switch parameter := parameter.(type) {
		case *syntax.Ident:
			required++
			positional++
		case *syntax.BinaryExpr:
			positional++
		case *syntax.UnaryExpr:
			isOpen = isOpen || parameter.Op == syntax.STAR && parameter.X != nil
		}
	}
	if required <= 1 && (positional >= 1 || isOpen) {
		return nil
	}
	start, _ := function.Span()
	return &Problem{Kind: KindContract, Message: "enrich must take one argument, the input", Line: int(start.Line), Column: int(start.Col)}
}

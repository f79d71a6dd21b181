package engine

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/Masterminds/semver/v3"
	"github.com/traefik/yaegi/interp"

	"pharos/starlark-js-bridge/symbols"
)

// The interpreter leaves a file of this name out of the places that it prints.
const goFile = interp.DefaultSourceName

// goProgram is a program that the interpreter has compiled.
type goProgram struct {
	*interp.Interpreter
	compiled *interp.Program
	syntax   *ast.File
	output   *programOutput
}

// programOutput takes what a program prints, line by line. The interpreter writes there too, where a panic came through.
type programOutput struct {
	session *session
	rest    []byte
	// The innermost place of a panic, as `line:column:`.
	place string
}

var panicPlace = regexp.MustCompile(`^(\d+:\d+: )panic: \S+\(\.\.\.\)$`)

func (o *programOutput) Write(data []byte) (int, error) {
	o.rest = append(o.rest, data...)
	for {
		end := bytes.IndexByte(o.rest, '\n')
		if end < 0 {
			break
		}
		o.line(string(o.rest[:end]))
		o.rest = o.rest[end+1:]
	}
	// A line that never ends is cut, or it would be a way around the memory of prints.
	if len(o.rest) > limitLine {
		o.flush()
	}
	return len(data), nil
}

func (o *programOutput) line(text string) {
	if found := panicPlace.FindStringSubmatch(text); found != nil {
		if o.place == "" {
			o.place = found[1]
		}
		return
	}
	o.session.print(text)
}

func (o *programOutput) flush() {
	if len(o.rest) > 0 {
		o.line(string(o.rest))
	}
	o.rest = nil
}

// Declared in a program that names it, as upstream Pharos does.
const declareSemver = "var semverConstraint func(string, string) bool"

func semverConstraint(version, constraint string) bool {
	wanted, err := semver.NewConstraint(constraint)
	if err != nil {
		return false
	}
	found, err := semver.NewVersion(version)
	return err == nil && wanted.Check(found)
}

// compileGo compiles a program and runs nothing of it.
func compileGo(s *session, source string) (program *goProgram, problem *Problem) {
	output := &programOutput{session: s}
	defer func() {
		// The interpreter panics where it meets what it does not know, with the place in the message.
		if cause := recover(); cause != nil {
			program, problem = nil, goProblem(fmt.Sprint(cause), KindSyntax)
		}
	}()
	interpreter := interp.New(interp.Options{
		Stdin: strings.NewReader(""), Stdout: output, Stderr: output, Args: []string{}, SourcecodeFilesystem: fstest.MapFS{},
	})
	file, err := parseGo(interpreter.FileSet(), source)
	if err != nil {
		return nil, goSyntaxProblem(err)
	}
	if file.Name.Name != "main" {
		at := interpreter.FileSet().Position(file.Name.Pos())
		return nil, &Problem{Kind: KindContract, Message: "the package must be main, not " + file.Name.Name, Line: at.Line, Column: at.Column}
	}
	if problem := useSymbols(interpreter, file, output); problem != nil {
		return nil, problem
	}
	if strings.Contains(source, "semverConstraint") {
		if _, err := interpreter.Eval(declareSemver); err != nil {
			return nil, goProblem(err.Error(), KindSyntax)
		}
		variable, err := interpreter.Eval("semverConstraint")
		if err != nil {
			return nil, goProblem(err.Error(), KindSyntax)
		}
		variable.Set(reflect.ValueOf(semverConstraint))
	}
	compiled, err := interpreter.CompileAST(file)
	if err != nil {
		return nil, goProblem(err.Error(), KindSyntax)
	}
	return &goProgram{interpreter, compiled, file, output}, nil
}

// parseGo reads a program; one without a package clause is of package main.
func parseGo(files *token.FileSet, source string) (*ast.File, error) {
	clause, err := parser.ParseFile(token.NewFileSet(), goFile, source, parser.PackageClauseOnly)
	if err != nil && (clause == nil || !clause.Package.IsValid()) {
		source = "package main;" + source
	}
	return parser.ParseFile(files, goFile, source, parser.DeclarationErrors)
}

// useSymbols gives the program the packages that it imports. All that there are would take longer than most programs.
func useSymbols(interpreter *interp.Interpreter, file *ast.File, output io.Writer) *Problem {
	// Where a script gives nil for an io.Reader, the interpreter looks for that interface, imported or not.
	wanted := []string{"io"}
	for _, each := range file.Imports {
		name, err := strconv.Unquote(each.Path.Value)
		if err != nil {
			return goProblem(err.Error(), KindSyntax)
		}
		if !symbols.Has(name) {
			at := interpreter.FileSet().Position(each.Pos())
			return &Problem{Kind: KindSyntax, Message: "the package " + name + " is not there for scripts", Line: at.Line, Column: at.Column}
		}
		wanted = append(wanted, name)
	}
	if err := interpreter.Use(symbols.For(wanted, output)); err != nil {
		return goProblem(err.Error(), KindSyntax)
	}
	return nil
}

func goSyntaxProblem(err error) *Problem {
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return &Problem{Kind: KindSyntax, Message: list[0].Msg, Line: list[0].Pos.Line, Column: list[0].Pos.Column}
	}
	return &Problem{Kind: KindSyntax, Message: err.Error()}
}

func goProblem(message, kind string) *Problem {
	problem := &Problem{Kind: kind}
	problem.Message = problem.takePlace(strings.TrimPrefix(message, goFile+":"))
	return problem
}

func runYaegi(s *session, in *input, step Script) ([]byte, *Problem) {
	current = s
	program, problem := compileGo(s, step.Source)
	if problem != nil {
		return nil, problem
	}
	result, problem := program.enrich(in)
	program.output.flush()
	if problem != nil {
		return nil, problem
	}
	w := newWriter(s.job.Limits)
	if problem := w.goValue(result); problem != nil {
		return nil, problem
	}
	// What encoding/json wrote for a struct, a list or a number was not looked at yet.
	if len(w.buffer) == 0 || w.buffer[0] != '{' {
		return nil, outputProblem(fmt.Sprintf("enrich must return a map, not %T", result))
	}
	return w.buffer, nil
}

func (p *goProgram) enrich(in *input) (result any, problem *Problem) {
	failed := func(message string) *Problem {
		problem := goProblem(message, KindRuntime)
		if problem.Line == 0 {
			problem.takePlace(p.output.place)
		}
		return problem
	}
	defer func() {
		if cause := recover(); cause != nil {
			result, problem = nil, failed(panicText(cause))
		}
	}()
	if _, err := p.Execute(p.compiled); err != nil {
		var panicked interp.Panic
		if errors.As(err, &panicked) {
			return nil, failed(panicText(panicked.Value))
		}
		return nil, failed(err.Error())
	}
	if problem := checkGoContract(p.FileSet(), p.syntax); problem != nil {
		return nil, problem
	}
	function, err := p.Eval("enrich")
	if err != nil {
		return nil, failed(err.Error())
	}
	// The program may change what it gets, and nothing runs in this instance after it.
	argument := reflect.ValueOf(in.own(allFloats))
	if kind := function.Type(); kind.Kind() != reflect.Func || kind.NumIn() != 1 || kind.NumOut() == 0 || !argument.Type().AssignableTo(kind.In(0)) {
		return nil, &Problem{Kind: KindContract, Message: contractOfGo + ", not " + kind.String()}
	}
	return function.Call([]reflect.Value{argument})[0].Interface(), nil
}

func panicText(cause any) string {
	if err, ok := cause.(error); ok {
		return "panic: " + err.Error()
	}
	return fmt.Sprintf("panic: %v", cause)
}

const contractOfGo = "enrich must be func(map[string]interface{}) map[string]interface{}"

func checkGoContract(files *token.FileSet, file *ast.File) *Problem {
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Recv != nil || function.Name.Name != "enrich" {
			continue
		}
		at := files.Position(function.Pos())
		if function.Type.Params.NumFields() != 1 || function.Type.Results.NumFields() != 1 {
			return &Problem{Kind: KindContract, Message: contractOfGo, Line: at.Line, Column: at.Column}
		}
		return nil
	}
	return &Problem{Kind: KindContract, Message: "the program has no function enrich"}
}

func validateYaegi(step Script) *Problem {
	program, problem := compileGo(&session{job: &Job{}}, step.Source)
	if problem != nil {
		return problem
	}
	return checkGoContract(program.FileSet(), program.syntax)
}

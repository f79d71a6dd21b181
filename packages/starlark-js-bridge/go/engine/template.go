package engine

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"gopkg.in/yaml.v3"
)

// errTooLong ends a template that writes more than it may.
var errTooLong = errors.New("the output is too long")

// cappedBuffer takes so many bytes and no more.
type cappedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *cappedBuffer) Write(data []byte) (int, error) {
	if b.Len()+len(data) > b.limit {
		return 0, errTooLong
	}
	return b.Buffer.Write(data)
}

func (s *session) templateForm() numberForm {
	if s.job.Numbers == "float" {
		return allFloats
	}
	return floatsWhileExact
}

func runTemplate(s *session, in *input, step Script) ([]byte, *Problem) {
	parsed, err := template.New(step.Name).Funcs(s.templateFunctions()).Parse(step.Source)
	if err != nil {
		return nil, templateProblem(err, KindSyntax)
	}
	data := in.readOnly
	if changesItsInput(parsed) {
		data = in.own
	}
	text, problem := s.execute(parsed, step.Name, data(s.templateForm()))
	if problem != nil {
		return nil, problem
	}
	return yamlToJSON(s, text)
}

func (s *session) execute(parsed *template.Template, name string, data any) ([]byte, *Problem) {
	buffer := &cappedBuffer{limit: s.job.Limits.MaxOutputBytes}
	if err := parsed.ExecuteTemplate(buffer, name, data); err != nil {
		if errors.Is(err, errTooLong) {
			problem := templateProblem(err, KindOutput)
			problem.Message = fmt.Sprintf("the output is longer than %d bytes", s.job.Limits.MaxOutputBytes)
			return nil, problem
		}
		problem := templateProblem(err, KindRuntime)
		if strings.Contains(problem.Message, "exceeded maximum template depth") {
			problem.Kind = KindStack
		}
		return nil, problem
	}
	return buffer.Bytes(), nil
}

// Functions of sprig that change a map that they are given.
var changingFunctions = map[string]bool{
	"set": true, "unset": true, "merge": true, "mergeOverwrite": true, "mustMerge": true, "mustMergeOverwrite": true,
}

// changesItsInput says whether a template names a function that could write into its input. The engine itself writes nowhere.
func changesItsInput(parsed *template.Template) bool {
	for _, each := range parsed.Templates() {
		if each.Tree != nil && namesOneOf(each.Tree.Root, changingFunctions) {
			return true
		}
	}
	return false
}

func namesOneOf(node parse.Node, names map[string]bool) bool {
	inPipe := func(pipe *parse.PipeNode) bool { return pipe != nil && namesOneOf(pipe, names) }
	inList := func(list *parse.ListNode) bool { return list != nil && namesOneOf(list, names) }
	switch node := node.(type) {
	case *parse.ListNode:
		for _, each := range node.Nodes {
			if namesOneOf(each, names) {
				return true
			}
		}
	case *parse.ActionNode:
		return inPipe(node.Pipe)
	case *parse.PipeNode:
		for _, command := range node.Cmds {
			for _, argument := range command.Args {
				if namesOneOf(argument, names) {
					return true
				}
			}
		}
	case *parse.ChainNode:
		return namesOneOf(node.Node, names)
	case *parse.IdentifierNode:
		return names[node.Ident]
	case *parse.TemplateNode:
		return inPipe(node.Pipe)
	case *parse.IfNode:
		return inPipe(node.Pipe) || inList(node.List) || inList(node.ElseList)
	case *parse.RangeNode:
		return inPipe(node.Pipe) || inList(node.List) || inList(node.ElseList)
	case *parse.WithNode:
		return inPipe(node.Pipe) || inList(node.List) || inList(node.ElseList)
	}
	return false
}

var templatePlace = regexp.MustCompile(`(?s)^template: (.*?):(\d+)(?::(\d+))?: (.*)$`)

// templateProblem takes `template: NAME:LINE:COLUMN: MESSAGE` apart. Templates count columns from 0, everybody else from 1.
func templateProblem(err error, kind string) *Problem {
	problem := &Problem{Kind: kind, Message: err.Error()}
	if found := templatePlace.FindStringSubmatch(err.Error()); found != nil {
		problem.Line, _ = strconv.Atoi(found[2])
		if found[3] != "" {
			column, _ := strconv.Atoi(found[3])
			problem.Column = column + 1
		}
		problem.Message = found[4]
	}
	return problem
}

// yamlToJSON reads the text of a template as upstream Pharos does: as YAML. Nothing but space and comments is an empty map.
func yamlToJSON(s *session, text []byte) ([]byte, *Problem) {
	var fields map[string]any
	if err := yaml.Unmarshal(text, &fields); err != nil {
		return nil, yamlProblem(err, text)
	}
	if fields == nil {
		fields = map[string]any{}
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, yamlProblem(err, text)
	}
	w := newWriter(s.job.Limits)
	problem := w.yamlValue(fields, yamlContent(&document))
	return w.buffer, problem
}

func yamlContent(node *yaml.Node) *yaml.Node {
	for node != nil && (node.Kind == yaml.DocumentNode || node.Kind == yaml.AliasNode) {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		} else if len(node.Content) > 0 {
			node = node.Content[0]
		} else {
			node = nil
		}
	}
	return node
}

// yamlValue writes a decoded value with its keys in the order of the text; what a merge key brought comes behind them.
func (w *writer) yamlValue(value any, node *yaml.Node) *Problem {
	node = yamlContent(node)
	if items, ok := value.([]any); ok && node != nil && node.Kind == yaml.SequenceNode && len(node.Content) == len(items) {
		return w.list(len(items), func(i int) *Problem { return w.yamlValue(items[i], node.Content[i]) })
	}
	fields, ok := value.(map[string]any)
	if !ok || node == nil || node.Kind != yaml.MappingNode {
		return w.goValue(value)
	}
	names := make([]string, 0, len(fields))
	nodes := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := yamlContent(node.Content[i]).Value
		if _, ok := fields[name]; ok && nodes[name] == nil {
			names = append(names, name)
			nodes[name] = node.Content[i+1]
		}
	}
	if len(names) < len(fields) {
		for _, name := range sortedNames(fields) {
			if nodes[name] == nil {
				names = append(names, name)
			}
		}
	}
	return w.object(len(names), func(i int) (string, func() *Problem) {
		return names[i], func() *Problem { return w.yamlValue(fields[names[i]], nodes[names[i]]) }
	})
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// yamlProblem shows the line of the output that is no YAML: its number is one of the output, not of the template.
func yamlProblem(err error, text []byte) *Problem {
	problem := outputProblem("the template's text is not a YAML map: " + strings.TrimPrefix(err.Error(), "yaml: "))
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		number, _ := strconv.Atoi(found[1])
		lines := strings.Split(string(text), "\n")
		if number >= 1 && number <= len(lines) {
			problem.Trace = fmt.Sprintf("line %d of the output: %s", number, cut(lines[number-1], 200))
		}
	}
	return problem
}

func validateTemplate(step Script) *Problem {
	s := &session{job: &Job{Numbers: "auto"}}
	if _, err := template.New(step.Name).Funcs(s.templateFunctions()).Parse(step.Source); err != nil {
		return templateProblem(err, KindSyntax)
	}
	return nil
}

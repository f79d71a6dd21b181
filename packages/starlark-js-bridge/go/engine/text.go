package engine

import (
	"text/template"
)

// renderText executes a template for its text, as alerts need it.
func renderText(s *session, text *Text, data []byte) ([]byte, *Problem) {
	ofRoot := func(problem *Problem) *Problem { return problem.of("template", text.Root) }
	document, problem := DecodeObject(data, s.job.Limits.MaxDepth)
	if problem != nil {
		return nil, ofRoot(problem)
	}
	var functions template.FuncMap
	var value any
	root := template.New("")
	if text.Functions == "alertmanager" {
		functions = s.alertFunctions()
		root = root.Option("missingkey=zero")
		if value, problem = alertData(data); problem != nil {
			return nil, ofRoot(problem)
		}
	} else {
		functions = s.templateFunctions()
		value = newInput(document).own(s.templateForm())
	}
	root.Funcs(functions)
	for _, each := range text.Templates {
		if _, err := root.New(each.Name).Parse(each.Source); err != nil {
			return nil, templateProblem(err, KindSyntax).of("template", each.Name)
		}
	}
	if root.Lookup(text.Root) == nil {
		return nil, ofRoot(&Problem{Kind: KindContract, Message: "there is no template " + text.Root})
	}
	output, problem := s.execute(root, text.Root, value)
	if problem != nil {
		return nil, ofRoot(problem)
	}
	return output, nil
}

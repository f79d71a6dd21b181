package engine

import (
	"fmt"
	"maps"
	"math/rand"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/huandu/xstrings"
	"gopkg.in/yaml.v3"
)

// What sprig has and scripts do not get: the environment, the network, and keys and certificates, of which one takes seconds.
var withheld = []string{
	"env", "expandenv", "getHostByName",
	"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
	"buildCustomCert", "derivePassword", "bcrypt", "htpasswd",
}

// templateFunctions are sprig's, less what is withheld, with the functions of upstream Pharos over them.
func (s *session) templateFunctions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	for _, name := range withheld {
		delete(functions, name)
	}
	maps.Copy(functions, template.FuncMap{
		"sum":    sum,
		"count":  func(items []any) int { return len(items) },
		"map":    mapItems,
		"filter": filterItems,
		"toYaml": toYAML,
	})
	s.makeDeterministic(functions)
	if s.job.Numbers != "float" {
		maps.Copy(functions, comparisons)
	}
	return functions
}

// makeDeterministic replaces what would answer differently from run to run.
func (s *session) makeDeterministic(functions template.FuncMap) {
	source := rand.New(rand.NewSource(s.job.Seed))
	functions["randInt"] = func(low, high int) int { return source.Intn(high-low) + low }
	functions["shuffle"] = func(text string) string { return xstrings.ShuffleSource(text, source) }
	functions["keys"] = func(dicts ...map[string]any) []string {
		names := []string{}
		for _, dict := range dicts {
			names = append(names, sortedNames(dict)...)
		}
		return names
	}
	functions["values"] = func(dict map[string]any) []any {
		values := make([]any, 0, len(dict))
		for _, name := range sortedNames(dict) {
			values = append(values, dict[name])
		}
		return values
	}
}

func sortedNames(dict map[string]any) []string {
	return slices.Sorted(maps.Keys(dict))
}

func sum(numbers []any) int {
	total := 0
	for _, number := range numbers {
		switch number := number.(type) {
		case int:
			total += number
		case int64:
			total += int(number)
		case float64:
			total += int(number)
		}
	}
	return total
}

func toYAML(value any) (string, error) {
	text, err := yaml.Marshal(value)
	return string(text), err
}

// listOf takes a list of any type; no value at all is none.
func listOf(list any) (reflect.Value, error) {
	value := reflect.ValueOf(list)
	if value.Kind() != reflect.Slice {
		return value, fmt.Errorf("expected a slice, got %T", list)
	}
	return value, nil
}

// fieldOf reads a field of a map or of a struct.
func fieldOf(item reflect.Value, name string) (any, bool) {
	for item.Kind() == reflect.Interface || item.Kind() == reflect.Pointer {
		item = item.Elem()
	}
	switch item.Kind() {
	case reflect.Map:
		if fields, ok := item.Interface().(map[string]any); ok {
			value, ok := fields[name]
			return value, ok
		}
	case reflect.Struct:
		if field := item.FieldByName(name); field.IsValid() && field.CanInterface() {
			return field.Interface(), true
		}
	}
	return nil, false
}

// mapItems is `map "field" NAME list`: that field of each item, nil where there is none.
func mapItems(operator, name string, list any) ([]any, error) {
	if operator != "field" {
		return nil, fmt.Errorf("map: there is no operator %q, only field", operator)
	}
	items, err := listOf(list)
	if err != nil {
		return nil, err
	}
	result := make([]any, items.Len())
	for i := range result {
		result[i], _ = fieldOf(items.Index(i), name)
	}
	return result, nil
}

var filterOperators = map[string]func(field, criteria string) bool{
	"startsWith": strings.HasPrefix,
	// The field holds the pattern: `1.31.%` of a table of versions is looked up with a version.
	"matchWildcard": func(pattern, text string) bool {
		if !strings.Contains(pattern, "%") {
			return pattern == text
		}
		// Upstream escapes the dot and nothing else, so what else means something in a regular expression does so here.
		compiled, err := regexp.Compile("^" + strings.ReplaceAll(strings.ReplaceAll(pattern, ".", `\.`), "%", ".*") + "$")
		return err == nil && compiled.MatchString(text)
	},
}

// filterItems is `filter NAME OPERATOR criteria list`: the items whose field matches.
func filterItems(name, operator, criteria string, list any) ([]any, error) {
	matches, ok := filterOperators[operator]
	if !ok {
		return nil, fmt.Errorf("filter: there is no operator %q, only startsWith and matchWildcard", operator)
	}
	items, err := listOf(list)
	if err != nil {
		return nil, err
	}
	var kept []any
	for i := range items.Len() {
		if field, ok := fieldOf(items.Index(i), name); ok && matches(fmt.Sprint(field), criteria) {
			kept = append(kept, items.Index(i).Interface())
		}
	}
	return kept, nil
}

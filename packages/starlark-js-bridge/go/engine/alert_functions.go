package engine

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// alertFunctions are those that Prometheus Alertmanager documents for its templates.
func (s *session) alertFunctions() template.FuncMap {
	functions := template.FuncMap{
		"toUpper":   strings.ToUpper,
		"toLower":   strings.ToLower,
		"title":     func(text string) string { return cases.Title(language.AmericanEnglish).String(text) },
		"trimSpace": strings.TrimSpace,
		"join":      func(separator string, texts []string) string { return strings.Join(texts, separator) },
		"match":     regexp.MatchString,
		"reReplaceAll": func(pattern, replacement, text string) (string, error) {
			compiled, err := regexp.Compile(pattern)
			if err != nil {
				return "", err
			}
			return compiled.ReplaceAllString(text, replacement), nil
		},
		// These mark a text as safe where a template makes HTML; here all is text.
		"safeHtml":    func(text string) string { return text },
		"safeUrl":     func(text string) string { return text },
		"urlUnescape": url.QueryUnescape,
		"stringSlice": func(texts ...string) []string { return texts },
		"date":        func(layout string, t time.Time) string { return t.Format(layout) },
		"tz": func(name string, t time.Time) (time.Time, error) {
			zone, err := time.LoadLocation(name)
			if err != nil {
				return time.Time{}, err
			}
			return t.In(zone), nil
		},
		"now":              time.Now,
		"since":            time.Since,
		"toDate":           func(layout, text string) time.Time { t, _ := time.ParseInLocation(layout, text, time.Local); return t },
		"mustToDate":       func(layout, text string) (time.Time, error) { return time.ParseInLocation(layout, text, time.Local) },
		"humanizeDuration": humanizeDuration,
		"toJson": func(value any) (string, error) {
			text, err := json.Marshal(value)
			return string(text), err
		},
		"base64encode": func(text string) string { return base64.URLEncoding.EncodeToString([]byte(text)) },
		"base64decode": func(text string) (string, error) {
			decoded, err := base64.URLEncoding.DecodeString(text)
			return string(decoded), err
		},
		"list":   func(values ...any) []any { return values },
		"append": func(list []any, values ...any) []any { return append(list[:len(list):len(list)], values...) },
		"dict":   dictOf,
	}
	return functions
}

func dictOf(values ...any) (map[string]any, error) {
	if len(values)%2 != 0 {
		return nil, errors.New("dict needs a value for each key")
	}
	dict := make(map[string]any, len(values)/2)
	for i := 0; i < len(values); i += 2 {
		key, ok := values[i].(string)
		if !ok {
			return nil, fmt.Errorf("a key of dict is a string, not %T", values[i])
		}
		dict[key] = values[i+1]
	}
	return dict, nil
}

func secondsOf(value any) (float64, error) {
	switch value := value.(type) {
	case time.Duration:
		return value.Seconds(), nil
	case string:
		return strconv.ParseFloat(value, 64)
	}
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid():
	case v.CanFloat():
		return v.Float(), nil
	case v.CanInt():
		return float64(v.Int()), nil
	case v.CanUint():
		return float64(v.Uint()), nil
	}
	return 0, fmt.Errorf("can't convert %T to float", value)
}

// humanizeDuration prints seconds as Prometheus does: `1d 2h 3m 4s`, `12.35s`, `20ms`.
func humanizeDuration(value any) (string, error) {
	seconds, err := secondsOf(value)
	if err != nil {
		return "", err
	}
	size := math.Abs(seconds)
	switch {
	case math.IsNaN(seconds) || math.IsInf(seconds, 0):
		return fmt.Sprintf("%.4g", seconds), nil
	case size == 0 || size >= 1 && size < 60:
		return fmt.Sprintf("%.4gs", seconds), nil
	case size >= 60:
		return longDuration(int64(size), seconds < 0), nil
	}
	prefix := ""
	for _, smaller := range []string{"m", "u", "n", "p", "f", "a", "z", "y"} {
		if math.Abs(seconds) >= 1 {
			break
		}
		prefix = smaller
		seconds *= 1000
	}
	return fmt.Sprintf("%.4g%ss", seconds, prefix), nil
}

func longDuration(whole int64, isNegative bool) string {
	days, hours, minutes, seconds := whole/86_400, whole/3_600%24, whole/60%60, whole%60
	text := fmt.Sprintf("%dm %ds", minutes, seconds)
	if days > 0 || hours > 0 {
		text = fmt.Sprintf("%dh %s", hours, text)
	}
	if days > 0 {
		text = fmt.Sprintf("%dd %s", days, text)
	}
	if isNegative {
		return "-" + text
	}
	return text
}

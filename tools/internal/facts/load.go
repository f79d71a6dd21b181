package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is a facts file as it stands on disk: a whole set, or an overlay that extends another file.
type file struct {
	Comment string `json:"$comment"`
	// Extends names the file, beside this one, that this one is laid over.
	Extends string `json:"extends"`
	// Withdrawn lists the ids that the overlay removes, from every list.
	Withdrawn []string `json:"withdrawn"`
	Facts
}

// Load reads a facts file, applies it over the file that it extends and checks the result.
func Load(path string) (*Facts, error) {
	loaded, err := read(path)
	if err != nil {
		return nil, err
	}
	result := &loaded.Facts
	if loaded.Extends != "" {
		if loaded.Extends != filepath.Base(loaded.Extends) {
			return nil, fmt.Errorf("%s extends %q, which is not a file name", path, loaded.Extends)
		}
		base, err := read(filepath.Join(filepath.Dir(path), loaded.Extends))
		if err != nil {
			return nil, err
		}
		if base.Extends != "" {
			return nil, fmt.Errorf("%s extends %s, which extends another file: one level is allowed", path, loaded.Extends)
		}
		result = overlay(base.Facts, *loaded)
	}
	if err := result.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return result, nil
}

func read(path string) (*file, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var loaded file
	if err := decoder.Decode(&loaded); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &loaded, nil
}

func overlay(base Facts, over file) *Facts {
	result := base
	if over.Version != "" {
		result.Version = over.Version
	}
	if !over.Captured.IsZero() {
		result.Captured = over.Captured
	}
	gone := func(id string) bool { return slices.Contains(over.Withdrawn, id) }

	result.Vulnerabilities = merge(base.Vulnerabilities, over.Vulnerabilities, func(v Vulnerability) string { return v.ID }, gone)
	result.GitHub = merge(base.GitHub, over.GitHub, func(g GitHub) string { return g.ID }, gone)
	result.Go = merge(base.Go, over.Go, func(g Go) string { return g.ID }, gone)

	result.Distributions = nil
	for _, distribution := range base.Distributions {
		var changed []DistributionAdvisory
		for _, other := range over.Distributions {
			if other.ID == distribution.ID && other.Version == distribution.Version {
				changed = append(changed, other.Advisories...)
			}
		}
		distribution.Advisories = mergeKeyed(distribution.Advisories, changed,
			func(a DistributionAdvisory) string { return a.Vulnerability + " " + a.Package },
			func(a DistributionAdvisory) bool { return gone(a.Vulnerability) })
		result.Distributions = append(result.Distributions, distribution)
	}
	for _, other := range over.Distributions {
		known := slices.ContainsFunc(base.Distributions, func(d Distribution) bool { return d.ID == other.ID && d.Version == other.Version })
		if !known {
			result.Distributions = append(result.Distributions, other)
		}
	}
	return &result
}

func merge[T any](base, over []T, id func(T) string, gone func(string) bool) []T {
	return mergeKeyed(base, over, id, func(item T) bool { return gone(id(item)) })
}

// mergeKeyed keeps the order of base, replaces items of the same key and appends new ones.
func mergeKeyed[T any](base, over []T, key func(T) string, gone func(T) bool) []T {
	replacement := make(map[string]T, len(over))
	for _, item := range over {
		replacement[key(item)] = item
	}
	var result []T
	for _, item := range base {
		if other, ok := replacement[key(item)]; ok {
			result = append(result, other)
			delete(replacement, key(item))
		} else if !gone(item) {
			result = append(result, item)
		}
	}
	for _, item := range over {
		if _, ok := replacement[key(item)]; ok {
			result = append(result, item)
		}
	}
	return result
}

// check finds what a database writer would otherwise turn into a silently missing match.
func (f *Facts) check() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if f.Name == "" {
		problem("name is missing")
	}
	if f.Captured.IsZero() {
		problem("captured is missing")
	}
	known := map[string]bool{}
	for _, vulnerability := range f.Vulnerabilities {
		if known[vulnerability.ID] {
			problem("%s is listed twice", vulnerability.ID)
		}
		known[vulnerability.ID] = true
		checkDate(problem, vulnerability.ID, vulnerability.Published, true)
	}
	for _, distribution := range f.Distributions {
		for _, advisory := range distribution.Advisories {
			if !known[advisory.Vulnerability] {
				problem("%s %s: %s of %s is not among the vulnerabilities", distribution.ID, distribution.Version, advisory.Vulnerability, advisory.Package)
			}
			checkDate(problem, advisory.Vulnerability, advisory.FixedAt, advisory.Fixed != "")
		}
	}
	for _, advisory := range f.GitHub {
		if len(advisory.Packages) == 0 {
			problem("%s names no package", advisory.ID)
		}
		for _, alias := range advisory.Aliases {
			if strings.HasPrefix(alias, "CVE-") && !known[alias] {
				problem("%s: its alias %s is not among the vulnerabilities", advisory.ID, alias)
			}
		}
		for _, affected := range advisory.Packages {
			checkDate(problem, advisory.ID, affected.FixedAt, affected.Fixed != "")
		}
	}
	for _, advisory := range f.Go {
		if len(advisory.Imports) == 0 {
			problem("%s names no package path", advisory.ID)
		}
		checkDate(problem, advisory.ID, advisory.FixedAt, advisory.Fixed != "")
	}
	return errors.Join(problems...)
}

func checkDate(problem func(string, ...any), id string, date Date, isNeeded bool) {
	if date == "" && !isNeeded {
		return
	}
	if _, err := time.Parse(time.DateOnly, string(date)); err != nil {
		problem("%s: %q is not a date like 2006-01-02", id, date)
	}
}

package difference

import (
	"slices"

	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// Difference is what two databases differ in.
type Difference struct {
	// IsEverything says that it cannot be narrowed: something that decides any search differs.
	IsEverything bool
	// Keys are of the names that have other records.
	Keys map[SearchKey]bool
	// Records are names of vulnerabilities of which something else is said, in lower case; Scores those of which nothing but the EPSS, or that they
	// are known to be exploited, is another.
	Records, Scores []string
}

// Between compares two databases.
func Between(from, to *Fingerprint) *Difference {
	made := &Difference{IsEverything: from.General != to.General, Keys: map[SearchKey]bool{}}
	for _, key := range differing(from.Keys, to.Keys) {
		made.Keys[key] = true
	}
	made.Records = differing(from.Records, to.Records)
	isOther := make(map[string]bool, len(made.Records))
	for _, name := range made.Records {
		isOther[name] = true
	}
	for _, name := range differing(from.Scores, to.Scores) {
		if !isOther[name] {
			made.Scores = append(made.Scores, name)
		}
	}
	slices.Sort(made.Records)
	slices.Sort(made.Scores)
	return made
}

func differing[K comparable](from, to map[K]uint64) []K {
	var found []K
	for key, sum := range from {
		if other, ok := to[key]; !ok || other != sum {
			found = append(found, key)
		}
	}
	for key := range to {
		if _, ok := from[key]; !ok {
			found = append(found, key)
		}
	}
	return found
}

// Touches says whether a unit's matches can differ: whether any name that matchers search by for its packages does.
func (d *Difference) Touches(unit *units.Unit, fields *units.Fields) bool {
	if d.IsEverything {
		return true
	}
	keys, err := SearchKeys(unit, fields)
	if err != nil {
		// Matching says what is wrong with it.
		return true
	}
	return slices.ContainsFunc(keys, func(key SearchKey) bool { return d.Keys[key] })
}

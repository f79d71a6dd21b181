package fleet

import (
	"cmp"
	"math"
	"slices"
)

// Generation is one state of the vulnerability database.
//
// The first is the start. In the second one match in a hundred appears, is gone, is rated anew or has got its fix, and every EPSS has moved.
// The third differs from the second in the advisories of a few projects.
type Generation struct {
	world  *World
	Number int
}

// Generation is the state of a number, from 1 to 3.
func (w *World) Generation(number int) *Generation {
	return &Generation{w, number}
}

// changeShare is how many of 10,000 advisories change with the second generation in each of four ways.
const changeShare = 25

// of is what this generation says of an advisory; nil when it does not know it.
func (g *Generation) of(a *advisory) *advisory {
	if a.since > g.Number {
		return nil
	}
	if a.isHistoric || a.since > 1 {
		return a
	}
	changed := *a
	switch kind := a.dice.sub("change").below(10_000) / changeShare; {
	case kind == 0 && g.Number < 2, kind == 1 && g.Number >= 2:
		return nil
	case kind == 2 && g.Number >= 2:
		changed.severity = another(a.severity)
	case kind == 3 && g.Number < 2:
		changed.isFixUnknown = true
		if a.release >= 0 {
			// A distribution's record says only where it was fixed: without that, every version is affected.
			changed.fixed = noFix
		}
	case kind == 3 && a.fixed == noFix:
		changed.fixed, changed.isRefused = a.project.versions, false
	}
	if g.Number >= 3 && g.world.touched[a.project] == a {
		changed.severity = another(changed.severity)
	}
	return &changed
}

func another(severity string) string {
	if severity == "high" {
		return "critical"
	}
	return "high"
}

// touchProjects chooses the projects that the third generation is about: each gets a new advisory that has no fix yet, and one rated anew.
func (w *World) touchProjects(count int, ids *identifiers) {
	var candidates []*project
	w.each(func(p *project) {
		if !p.isOfDistribution() && len(p.advisories) > 0 {
			candidates = append(candidates, p)
		}
	})
	slices.SortFunc(candidates, func(a, b *project) int { return cmp.Compare(a.dice.sub("touched"), b.dice.sub("touched")) })
	for _, p := range candidates[:min(count, len(candidates))] {
		cve, ghsa := ids.next()
		w.touched[p] = &p.advisories[0]
		w.late = append(w.late, advisory{
			project: p, cve: cve, id: ghsa, release: -1, introduced: p.versions / 2, fixed: noFix, severity: "high", since: 3, dice: p.dice.sub("late"),
		})
	}
}

// epss is the probability that a CVE is exploited, with its percentile, five decimals each. Most are small.
func epss(d dice, generation int) (score, percentile float64) {
	u := d.sub("epss").share()
	score = math.Max(0.0001, 0.97*math.Pow(u, 9))
	if generation >= 2 {
		factor := 0.9 + 0.2*d.sub("moved").share()
		moved := rounded(score * factor)
		// Whatever the rounding does, each one moves.
		if moved == rounded(score) {
			moved = rounded(score) + 0.00001
		}
		score = moved
	}
	return rounded(score), rounded(u)
}

func rounded(value float64) float64 {
	return math.Round(value*100_000) / 100_000
}

// isExploited says whether a CVE is in the catalogue of known exploited vulnerabilities; a few join it with the second generation.
func isExploited(d dice, generation int) bool {
	return d.sub("kev").below(10_000) < map[bool]int{false: 40, true: 42}[generation >= 2]
}

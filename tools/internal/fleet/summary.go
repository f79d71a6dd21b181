package fleet

// Count is what a summary says of an ecosystem.
type Count struct {
	Ecosystem Ecosystem `json:"ecosystem"`
	// Unique are packages that a matcher tells apart, Occurrences packages of images, Matches those that the rule of the generation expects of
	// the unique ones, Findings those of all occurrences.
	Unique      int `json:"unique"`
	Occurrences int `json:"occurrences"`
	Matches     int `json:"matches"`
	Findings    int `json:"findings"`
}

// Summary is what a fleet comes to before anything is matched.
type Summary struct {
	Images  int     `json:"images"`
	Records int     `json:"records"`
	Touched int     `json:"touchedPackages"`
	Total   Count   `json:"total"`
	Of      []Count `json:"byEcosystem"`
}

// Summarize counts the fleet of the first images.
func (w *World) Summarize(images int) Summary {
	composer := NewComposer(w)
	summary := Summary{Images: images, Records: w.records}
	occurrences := []int{}
	for number := range images {
		for _, o := range composer.Image(number).Occurrences {
			for len(occurrences) <= o.Package.Index {
				occurrences = append(occurrences, 0)
			}
			occurrences[o.Package.Index]++
		}
	}
	first := w.Generation(1)
	counts := map[Ecosystem]*Count{}
	for _, ecosystem := range Ecosystems {
		counts[ecosystem] = &Count{Ecosystem: ecosystem}
	}
	for _, p := range composer.Packages() {
		matches := p.expectedMatches(first)
		if w.touched[p.project] != nil {
			summary.Touched++
		}
		for _, count := range []*Count{counts[p.Ecosystem], &summary.Total} {
			count.Unique++
			count.Occurrences += occurrences[p.Index]
			count.Matches += matches
			count.Findings += matches * occurrences[p.Index]
		}
	}
	for _, ecosystem := range Ecosystems {
		summary.Of = append(summary.Of, *counts[ecosystem])
	}
	return summary
}

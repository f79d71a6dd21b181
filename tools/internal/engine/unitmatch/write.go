package unitmatch

import (
	"encoding/json"
	"io"

	"github.com/anchore/grype/grype/presenter/models"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/pharos-security/pharos/tools/internal/engine/difference"
)

// record is what a database says of a vulnerability, in the form of a match of `grype -o json`.
type record struct {
	Vulnerability scored                         `json:"vulnerability"`
	Related       []models.VulnerabilityMetadata `json:"relatedVulnerabilities"`
}

type scored struct {
	models.VulnerabilityMetadata
	Risk float64 `json:"risk"`
}

// Lines of a result file.
type (
	vulnerabilityLine struct {
		Vulnerability int    `json:"vulnerability"`
		Record        record `json:"record"`
	}
	unitLine struct {
		ID      int64                  `json:"id"`
		Skipped bool                   `json:"skipped,omitempty"`
		Failed  string                 `json:"failed,omitempty"`
		Keys    []difference.SearchKey `json:"keys,omitzero"`
		Matches []matchLine            `json:"matches,omitempty"`
	}
	matchLine struct {
		Vulnerability int                   `json:"vulnerability"`
		Fix           models.Fix            `json:"fix"`
		Details       []models.MatchDetails `json:"details"`
	}
)

// writer writes results in the order in which they come. It holds some back: the vulnerabilities that they name first are looked up together.
type writer struct {
	encoder *json.Encoder
	records *records
	// numbers are the vulnerabilities that were written, by namespace and id.
	numbers map[string]int
	pending []outcome
	// fresh are the vulnerabilities of pending that are not written yet.
	fresh []freshVulnerability
	count counts
}

type freshVulnerability struct {
	number  int
	of      scored
	related []vulnerability.Reference
}

type counts struct{ units, skipped, failed, matches int }

const (
	maxPending = 2000
	maxFresh   = 400
)

func newWriter(to io.Writer, known *records) *writer {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	return &writer{encoder: encoder, records: known, numbers: map[string]int{}}
}

func (w *writer) add(result outcome) error {
	w.count.units++
	switch {
	case result.isSkipped:
		w.count.skipped++
	case result.err != nil:
		w.count.failed++
	}
	w.count.matches += len(result.matches)
	for i := range result.matches {
		known := &result.matches[i].match.Vulnerability
		key := vulnerabilityKey(known.Namespace, known.ID)
		if _, ok := w.numbers[key]; ok {
			continue
		}
		w.numbers[key] = len(w.numbers)
		w.fresh = append(w.fresh, freshVulnerability{
			number: w.numbers[key], of: scored{known.VulnerabilityMetadata, known.Risk}, related: result.matches[i].related,
		})
	}
	w.pending = append(w.pending, result)
	if len(w.fresh) >= maxFresh || len(w.pending) >= maxPending {
		return w.flush()
	}
	return nil
}

func (w *writer) flush() error {
	var references []vulnerability.Reference
	for _, fresh := range w.fresh {
		references = append(references, fresh.related...)
	}
	lookUp, err := w.records.related(references)
	if err != nil {
		return err
	}
	for _, fresh := range w.fresh {
		if err := w.encoder.Encode(vulnerabilityLine{fresh.number, recordOf(fresh.of, fresh.related, lookUp)}); err != nil {
			return err
		}
	}
	for _, result := range w.pending {
		if err := w.encoder.Encode(w.line(result)); err != nil {
			return err
		}
	}
	w.fresh, w.pending = nil, nil
	return nil
}

func recordOf(of scored, references []vulnerability.Reference, lookUp func(vulnerability.Reference) (models.VulnerabilityMetadata, bool)) record {
	made := record{Vulnerability: of, Related: []models.VulnerabilityMetadata{}}
	for _, ref := range references {
		if metadata, ok := lookUp(ref); ok {
			made.Related = append(made.Related, metadata)
		}
	}
	return made
}

// maxReasonBytes keeps a failure's text to what a person reads.
const maxReasonBytes = 2000

func (w *writer) line(result outcome) unitLine {
	line := unitLine{ID: result.id, Skipped: result.isSkipped, Keys: result.keys}
	if result.err != nil {
		text := result.err.Error()
		line.Failed = text[:min(len(text), maxReasonBytes)]
		return line
	}
	for _, f := range result.matches {
		known := f.match.Vulnerability
		line.Matches = append(line.Matches, matchLine{w.numbers[vulnerabilityKey(known.Namespace, known.ID)], known.Fix, f.match.MatchDetails})
	}
	return line
}

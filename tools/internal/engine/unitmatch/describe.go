package unitmatch

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/presenter/models"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/pharos-security/pharos/tools/internal/engine/database"
	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/lookup"
	"github.com/pharos-security/pharos/tools/internal/engine/match"
	"github.com/pharos-security/pharos/tools/internal/engine/outfile"
)

// Described counts what a description holds.
type Described struct {
	Count        int            `json:"count"`
	MissingCount int            `json:"missingCount"`
	ResultBytes  int64          `json:"resultBytes"`
	Ms           int64          `json:"ms"`
	Database     match.Database `json:"database"`
}

// asked is one line of a description's input.
type asked struct {
	ID        int64  `json:"id"`
	NativeID  string `json:"nativeId"`
	Namespace string `json:"namespace"`
}

type describedLine struct {
	ID      int64   `json:"id"`
	Missing bool    `json:"missing,omitempty"`
	Record  *record `json:"record,omitempty"`
}

// describedTogether is how many vulnerabilities are read at once.
const describedTogether = 400

// Describe writes, for each vulnerability that inputPath names, what a match with it would say of it. One that the database does not know, or
// no longer for any package of the namespace, is missing.
func Describe(ctx context.Context, info database.Info, open *lookup.Lookup, inputPath, resultPath string) (*Described, error) {
	started := time.Now()
	input, err := os.Open(inputPath)
	if err != nil {
		return nil, failure.Wrap(failure.BadRequest, err)
	}
	defer input.Close()
	described := &Described{Database: match.DatabaseOf(info)}
	known := newRecords(open)
	described.ResultBytes, err = outfile.Write(resultPath, func(to io.Writer) error {
		encoder := json.NewEncoder(to)
		encoder.SetEscapeHTML(false)
		return eachBatch(ctx, input, func(batch []asked) error {
			found, err := known.describe(batch)
			if err != nil {
				return err
			}
			for i, one := range batch {
				line := describedLine{ID: one.ID, Missing: found[i] == nil, Record: found[i]}
				described.Count++
				if line.Missing {
					described.MissingCount++
				}
				if err := encoder.Encode(line); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, failure.Wrap(failure.MatchFailed, err)
	}
	described.Ms = time.Since(started).Milliseconds()
	return described, nil
}

func eachBatch(ctx context.Context, input io.Reader, handle func([]asked) error) error {
	scanner := bufio.NewScanner(input)
	scanner.Buffer(make([]byte, 0, 64<<10), 1<<20)
	var batch []asked
	for scanner.Scan() {
		var one asked
		if err := json.Unmarshal(scanner.Bytes(), &one); err != nil {
			return failure.New(failure.BadRequest, "a line names no vulnerability: %w", err)
		}
		if batch = append(batch, one); len(batch) < describedTogether {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := handle(batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	if err := scanner.Err(); err != nil {
		return failure.Wrap(failure.BadRequest, err)
	}
	return handle(batch)
}

// describe finds the records, by position; nil where there is none.
func (r *records) describe(batch []asked) ([]*record, error) {
	handles, err := r.namedBy(batch)
	if err != nil {
		return nil, err
	}
	references := make([][]vulnerability.Reference, len(batch))
	var all []vulnerability.Reference
	for i, chosen := range handles {
		if chosen == nil {
			continue
		}
		references[i] = relatedVulnerabilities(chosen.handle, chosen.cves, chosen.ecosystem)
		all = append(all, references[i]...)
	}
	lookUp, err := r.related(all)
	if err != nil {
		return nil, err
	}
	found := make([]*record, len(batch))
	for i, chosen := range handles {
		if chosen == nil {
			continue
		}
		metadata, err := r.metadata(vulnerability.Reference{ID: batch[i].NativeID, Namespace: batch[i].Namespace}, chosen.handle)
		if err != nil {
			return nil, err
		}
		made := recordOf(scored{models.NewVulnerabilityMetadata(batch[i].NativeID, batch[i].Namespace, metadata), metadata.RiskScore()}, references[i], lookUp)
		found[i] = &made
	}
	return found, nil
}

// chosenRecord is a record with what its packages add to its names.
type chosenRecord struct {
	handle    *v6.VulnerabilityHandle
	cves      []string
	ecosystem string
}

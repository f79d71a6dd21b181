package unitmatch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/anchore/grype/grype/pkg"

	"github.com/pharos-security/pharos/tools/internal/engine/database"
	"github.com/pharos-security/pharos/tools/internal/engine/difference"
	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/lookup"
	"github.com/pharos-security/pharos/tools/internal/engine/match"
	"github.com/pharos-security/pharos/tools/internal/engine/outfile"
	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// Request names the files of one run.
type Request struct {
	// UnitsPath holds lines {"id": number, "input": unit}.
	UnitsPath string
	// ResultPath gets a line for each unit, in the order of UnitsPath, and a line for each vulnerability before the first match of it.
	ResultPath string
	// IsTouched, when given, says whether a unit's matches can differ from those in another database; the others are skipped. It is called
	// from several goroutines.
	IsTouched func(*units.Unit) bool
	// KeysOf, when given, makes the search keys that are written with each unit; nil for one that has none. It is called from several goroutines.
	KeysOf func(*units.Unit) []difference.SearchKey
}

// Result counts what a run did.
type Result struct {
	UnitCount          int             `json:"unitCount"`
	SkippedCount       int             `json:"skippedCount"`
	FailedCount        int             `json:"failedCount"`
	MatchCount         int             `json:"matchCount"`
	VulnerabilityCount int             `json:"vulnerabilityCount"`
	Warnings           []match.Warning `json:"warnings"`
	ResultBytes        int64           `json:"resultBytes"`
	MatchMs            int64           `json:"matchMs"`
	Database           match.Database  `json:"database"`
}

// outcome is what became of a unit.
type outcome struct {
	sequence  int
	id        int64
	isSkipped bool
	keys      []difference.SearchKey
	matches   []found
	// err says that the unit could not be matched; others go on.
	err error
}

// job is a line to work on.
type job struct {
	sequence int
	line     []byte
}

// unitsPerBatch share the cost of preparing rules.
const unitsPerBatch = 64

// maxUnitBytes bounds one unit. A Go module of a large binary has about 1 MB of symbols.
const maxUnitBytes = 64 << 20

// batchesPerWorker bounds the units in memory, done and to be done.
const batchesPerWorker = 4

// Run matches all units of a file. It uses all processors; what is in memory at once is bounded whatever the file's length.
func (m *Matcher) Run(ctx context.Context, info database.Info, open *lookup.Lookup, request Request) (*Result, error) {
	if m.options.ByCVE {
		return nil, failure.New(failure.BadRequest, "units are not matched with --by-cve: it renames what the former database named otherwise")
	}
	started := time.Now()
	input, err := os.Open(request.UnitsPath)
	if err != nil {
		return nil, failure.Wrap(failure.BadRequest, err)
	}
	defer input.Close()
	m.sink.Start()
	var out *writer
	size, err := outfile.Write(request.ResultPath, func(to io.Writer) error {
		out = newWriter(to, newRecords(open))
		return m.stream(ctx, open, request, input, out)
	})
	warnings := match.WarningsOf(m.sink.Stop())
	if err != nil {
		return nil, failure.Wrap(failure.MatchFailed, err)
	}
	return &Result{
		UnitCount: out.count.units, SkippedCount: out.count.skipped, FailedCount: out.count.failed, MatchCount: out.count.matches,
		VulnerabilityCount: len(out.numbers), Warnings: warnings, ResultBytes: size, MatchMs: time.Since(started).Milliseconds(),
		Database: match.DatabaseOf(info),
	}, nil
}

func (m *Matcher) stream(parent context.Context, open *lookup.Lookup, request Request, input io.Reader, out *writer) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	workers := runtime.GOMAXPROCS(0)
	jobs := make(chan []job)
	outcomes := make(chan []outcome)
	// A slot is taken before a line is read and given back when its result is written: one slow unit cannot pile the others up.
	slots := make(chan struct{}, workers*batchesPerWorker*unitsPerBatch)

	var running sync.WaitGroup
	running.Add(1)
	go func() {
		defer running.Done()
		defer close(jobs)
		if err := readLines(ctx, input, slots, jobs); err != nil {
			cancel(err)
		}
	}()
	for range workers {
		running.Add(1)
		go func() {
			defer running.Done()
			worker := &worker{matcher: m, session: open.Session()}
			for next := range jobs {
				select {
				case outcomes <- worker.run(ctx, next, request):
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	go func() {
		running.Wait()
		close(outcomes)
	}()
	err := writeInOrder(outcomes, slots, out)
	if err != nil {
		cancel(err)
		for range outcomes {
			// The workers end before the database may be closed.
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func readLines(ctx context.Context, input io.Reader, slots chan<- struct{}, jobs chan<- []job) error {
	scanner := bufio.NewScanner(input)
	scanner.Buffer(make([]byte, 0, 256<<10), maxUnitBytes)
	var next []job
	hand := func() bool {
		select {
		case jobs <- next:
			next = nil
			return true
		case <-ctx.Done():
			return false
		}
	}
	for sequence := 0; scanner.Scan(); sequence++ {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		next = append(next, job{sequence, append([]byte(nil), scanner.Bytes()...)})
		if len(next) == unitsPerBatch && !hand() {
			return nil
		}
	}
	if len(next) > 0 && !hand() {
		return nil
	}
	if err := scanner.Err(); errors.Is(err, bufio.ErrTooLong) {
		return failure.New(failure.BadRequest, "a match unit is longer than %d bytes", maxUnitBytes)
	} else if err != nil {
		return failure.Wrap(failure.Local, err)
	}
	return nil
}

func writeInOrder(outcomes <-chan []outcome, slots <-chan struct{}, out *writer) error {
	waiting := map[int][]outcome{}
	next := 0
	for results := range outcomes {
		waiting[results[0].sequence] = results
		for {
			ready, ok := waiting[next]
			if !ok {
				break
			}
			delete(waiting, next)
			next += len(ready)
			for _, result := range ready {
				if err := out.add(result); err != nil {
					return err
				}
				<-slots
			}
		}
	}
	return out.flush()
}

// run works on a batch. A unit that fails leaves the others alone.
func (w *worker) run(ctx context.Context, jobs []job, request Request) []outcome {
	results := make([]outcome, len(jobs))
	ids := make([]pkg.ID, len(jobs))
	collected := &batch{}
	for i, next := range jobs {
		result := &results[i]
		*result = outcome{sequence: next.sequence}
		unit, err := read(next, result)
		if err == nil && request.KeysOf != nil {
			result.keys = request.KeysOf(unit)
		}
		switch {
		case err != nil:
			result.err = err
		case request.IsTouched != nil && !request.IsTouched(unit):
			result.isSkipped = true
		default:
			ids[i], result.err = w.add(ctx, collected, unit)
		}
	}
	rendered, err := w.finish(collected)
	for i := range results {
		switch {
		case ids[i] == "":
		case err != nil:
			results[i].err = err
		default:
			results[i].matches = rendered[ids[i]]
		}
	}
	return results
}

// read takes a line apart; the result gets its id.
func read(next job, result *outcome) (*units.Unit, error) {
	var line struct {
		ID    *int64          `json:"id"`
		Input json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(next.line, &line); err != nil {
		result.id = -1
		return nil, fmt.Errorf("line %d is no match unit: %w", next.sequence+1, err)
	}
	if line.ID == nil {
		result.id = -1
		return nil, fmt.Errorf("line %d has no id", next.sequence+1)
	}
	result.id = *line.ID
	return units.Decode(line.Input)
}

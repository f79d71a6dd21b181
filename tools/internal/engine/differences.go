package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/anchore/grype/cmd/grype/cli/options"
	"gorm.io/gorm"

	"github.com/pharos-security/pharos/tools/internal/engine/database"
	"github.com/pharos-security/pharos/tools/internal/engine/difference"
	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/outfile"
)

// pair names two databases by their directories.
type pair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// differences remembers the last pair and the fingerprints of its databases: the newer one is the elder of the next pair. Fingerprints are kept
// beside their databases as well, for the next process.
type differences struct {
	// fingerprints are by checksum.
	fingerprints map[string]*difference.Fingerprint
	last         *foundDifference
}

// foundDifference is a pair's difference. Directories are of content that does not change while they are named the same; the checksums say
// what was compared.
type foundDifference struct {
	*difference.Difference
	of       pair
	from, to string
}

// differenceFile is what diffDatabases writes: search keys, and names of vulnerabilities in lower case.
type differenceFile struct {
	Keys    []difference.SearchKey `json:"keys"`
	Records []string               `json:"records"`
	Scores  []string               `json:"scores"`
}

// fingerprintFile stands in a database's directory.
const fingerprintFile = "pharos-fingerprint"

func (e *Engine) diffDatabases(ctx context.Context, fields func(any) error, _ func(string)) (any, error) {
	var request struct {
		pair
		ResultPath string `json:"resultPath"`
	}
	if err := fields(&request); err != nil {
		return nil, err
	}
	started := time.Now()
	found, err := e.differences.between(ctx, e.options, request.pair)
	if err != nil {
		return nil, err
	}
	if request.ResultPath != "" {
		if err := writeDifference(found.Difference, request.ResultPath); err != nil {
			return nil, err
		}
	}
	return struct {
		TouchedKeys int    `json:"touchedKeys"`
		Records     int    `json:"records"`
		Scores      int    `json:"scores"`
		All         bool   `json:"all"`
		KeysVersion string `json:"keysVersion"`
		Ms          int64  `json:"ms"`
	}{len(found.Keys), len(found.Records), len(found.Scores), found.IsEverything, e.searchKeysVersion(), time.Since(started).Milliseconds()}, nil
}

// prepareDatabase makes what matching in the open database begins with, before it is asked for: its fingerprint, and its names.
func (e *Engine) prepareDatabase(ctx context.Context, fields func(any) error, _ func(string)) (any, error) {
	var request struct {
		Directory string `json:"directory"`
	}
	if err := fields(&request); err != nil {
		return nil, err
	}
	if err := required("directory", request.Directory); err != nil {
		return nil, err
	}
	started := time.Now()
	looked := make(chan error, 1)
	go func() {
		_, err := e.lookup()
		looked <- err
	}()
	made, checksum, err := e.differences.fingerprint(ctx, e.options, request.Directory)
	if err := errors.Join(<-looked, err); err != nil {
		return nil, err
	}
	if e.differences.fingerprints == nil {
		e.differences.fingerprints = map[string]*difference.Fingerprint{}
	}
	e.differences.fingerprints[checksum] = made
	return struct {
		Checksum string `json:"checksum"`
		Ms       int64  `json:"ms"`
	}{checksum, time.Since(started).Milliseconds()}, nil
}

// searchKeysVersion names the rules by which units get their search keys: keys of other rules say nothing.
func (e *Engine) searchKeysVersion() string {
	return fmt.Sprintf("%s-%d", e.grypeVersion, difference.SearchKeysVersion)
}

func writeDifference(found *difference.Difference, path string) error {
	file := differenceFile{Keys: []difference.SearchKey{}, Records: emptyNotNull(found.Records), Scores: emptyNotNull(found.Scores)}
	for key := range found.Keys {
		file.Keys = append(file.Keys, key)
	}
	slices.Sort(file.Keys)
	_, err := outfile.Write(path, func(to io.Writer) error { return json.NewEncoder(to).Encode(file) })
	return err
}

func emptyNotNull(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

func (d *differences) between(ctx context.Context, opts *options.Grype, of pair) (*foundDifference, error) {
	if err := errors.Join(required("from", of.From), required("to", of.To)); err != nil {
		return nil, failure.Wrap(failure.BadRequest, err)
	}
	if d.last != nil && d.last.of == of {
		return d.last, nil
	}
	from, fromChecksum, err := d.fingerprint(ctx, opts, of.From)
	if err != nil {
		return nil, err
	}
	to, toChecksum, err := d.fingerprint(ctx, opts, of.To)
	if err != nil {
		return nil, err
	}
	d.fingerprints = map[string]*difference.Fingerprint{fromChecksum: from, toChecksum: to}
	d.last = &foundDifference{difference.Between(from, to), of, fromChecksum, toChecksum}
	return d.last, nil
}

// fingerprint is that of a database, which is opened for it, and by that verified, unless its fingerprint is known or kept.
func (d *differences) fingerprint(ctx context.Context, opts *options.Grype, directory string) (*difference.Fingerprint, string, error) {
	checksum, err := database.Checksum(opts, directory)
	if err != nil {
		return nil, "", err
	}
	if known, ok := d.fingerprints[checksum]; ok {
		return known, checksum, nil
	}
	path := filepath.Join(directory, fingerprintFile)
	if known := difference.Load(path, checksum); known != nil {
		return known, checksum, nil
	}
	made, err := readFingerprint(ctx, opts, directory)
	if err != nil {
		return nil, "", err
	}
	// Without the file it is made again: nothing is wrong with the fingerprint.
	_ = made.Keep(path, checksum)
	return made, checksum, nil
}

func readFingerprint(ctx context.Context, opts *options.Grype, directory string) (made *difference.Fingerprint, err error) {
	opened, err := database.Open(opts, directory)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, failure.Wrap(failure.Local, opened.Close())) }()
	low, ok := opened.Reader.(interface{ GetDB() *gorm.DB })
	if !ok {
		return nil, failure.New(failure.Local, "a reader of the type %T has no database", opened.Reader)
	}
	db, err := low.GetDB().DB()
	if err != nil {
		return nil, failure.Wrap(failure.Local, err)
	}
	made, err = difference.Read(ctx, db)
	return made, failure.Wrap(failure.DatabaseDamaged, err)
}

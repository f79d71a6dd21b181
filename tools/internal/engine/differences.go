package engine

import (
	"context"
	"errors"
	"time"

	"github.com/anchore/grype/cmd/grype/cli/options"
	"gorm.io/gorm"

	"github.com/pharos-security/pharos/tools/internal/engine/database"
	"github.com/pharos-security/pharos/tools/internal/engine/difference"
	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

// pair names two databases by their directories.
type pair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// differences remembers the last pair and the fingerprints of its databases: the newer one is the elder of the next pair.
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

func (e *Engine) diffDatabases(ctx context.Context, fields func(any) error, _ func(string)) (any, error) {
	var request pair
	if err := fields(&request); err != nil {
		return nil, err
	}
	started := time.Now()
	found, err := e.differences.between(ctx, e.options, request)
	if err != nil {
		return nil, err
	}
	return struct {
		TouchedNames       int   `json:"touchedNames"`
		TouchedCPEProducts int   `json:"touchedCpeProducts"`
		All                bool  `json:"all"`
		Ms                 int64 `json:"ms"`
	}{found.NameCount(), found.ProductCount(), found.IsEverything, time.Since(started).Milliseconds()}, nil
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

// fingerprint opens a database, which verifies its checksum, and sums it up unless that was done before.
func (d *differences) fingerprint(ctx context.Context, opts *options.Grype, directory string) (made *difference.Fingerprint, checksum string, err error) {
	opened, err := database.Open(opts, directory)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, failure.Wrap(failure.Local, opened.Close())) }()
	checksum = opened.Info.Checksum
	if known, ok := d.fingerprints[checksum]; ok {
		return known, checksum, nil
	}
	low, ok := opened.Reader.(interface{ GetDB() *gorm.DB })
	if !ok {
		return nil, "", failure.New(failure.Local, "a reader of the type %T has no database", opened.Reader)
	}
	db, err := low.GetDB().DB()
	if err != nil {
		return nil, "", failure.Wrap(failure.Local, err)
	}
	made, err = difference.Read(ctx, db)
	return made, checksum, failure.Wrap(failure.DatabaseDamaged, err)
}

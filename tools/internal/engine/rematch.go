package engine

import (
	"context"
	"errors"

	"github.com/pharos-security/pharos/tools/internal/engine/difference"
	"github.com/pharos-security/pharos/tools/internal/engine/failure"
	"github.com/pharos-security/pharos/tools/internal/engine/lookup"
	"github.com/pharos-security/pharos/tools/internal/engine/server"
	"github.com/pharos-security/pharos/tools/internal/engine/unitmatch"
	"github.com/pharos-security/pharos/tools/internal/engine/units"
)

// rematchOperations judge packages of many images by a database, without their images.
func (e *Engine) rematchOperations() map[string]server.Operation {
	return map[string]server.Operation{
		"diffDatabases":           e.diffDatabases,
		"prepareDatabase":         e.prepareDatabase,
		"matchUnits":              e.matchUnits,
		"describeVulnerabilities": e.describeVulnerabilities,
	}
}

func (e *Engine) matchUnits(ctx context.Context, fields func(any) error, _ func(string)) (any, error) {
	var request struct {
		UnitsPath  string `json:"unitsPath"`
		ResultPath string `json:"resultPath"`
		TouchedBy  *pair  `json:"touchedBy"`
		WithKeys   bool   `json:"withKeys"`
	}
	if err := fields(&request); err != nil {
		return nil, err
	}
	if err := errors.Join(required("unitsPath", request.UnitsPath), required("resultPath", request.ResultPath)); err != nil {
		return nil, failure.Wrap(failure.BadRequest, err)
	}
	open, err := e.lookup()
	if err != nil {
		return nil, err
	}
	run := unitmatch.Request{UnitsPath: request.UnitsPath, ResultPath: request.ResultPath}
	if request.TouchedBy != nil {
		found, err := e.differences.between(ctx, e.options, *request.TouchedBy)
		if err != nil {
			return nil, err
		}
		if found.to != e.open.Info.Checksum {
			return nil, failure.New(failure.BadRequest, "touchedBy.to is not the open database")
		}
		run.IsTouched = func(unit *units.Unit) bool { return found.Touches(unit, e.units.Fields()) }
	}
	if request.WithKeys {
		run.KeysOf = func(unit *units.Unit) []difference.SearchKey {
			// One that cannot be read has none: it is matched again with every database.
			keys, _ := difference.SearchKeys(unit, e.units.Fields())
			return keys
		}
	}
	result, err := e.units.Run(ctx, e.open.Info, open, run)
	if err != nil {
		return nil, err
	}
	return struct {
		*unitmatch.Result
		KeysVersion string `json:"keysVersion"`
	}{result, e.searchKeysVersion()}, nil
}

func (e *Engine) describeVulnerabilities(ctx context.Context, fields func(any) error, _ func(string)) (any, error) {
	var request struct {
		InputPath  string `json:"inputPath"`
		ResultPath string `json:"resultPath"`
	}
	if err := fields(&request); err != nil {
		return nil, err
	}
	if err := errors.Join(required("inputPath", request.InputPath), required("resultPath", request.ResultPath)); err != nil {
		return nil, failure.Wrap(failure.BadRequest, err)
	}
	open, err := e.lookup()
	if err != nil {
		return nil, err
	}
	return unitmatch.Describe(ctx, e.open.Info, open, request.InputPath, request.ResultPath)
}

// lookup is the open database prepared for many searches. An engine that only scans images never makes it.
func (e *Engine) lookup() (*lookup.Lookup, error) {
	if e.open == nil {
		return nil, failure.New(failure.DatabaseMissing, "no database is open")
	}
	if e.prepared == nil {
		made, err := lookup.New(e.open.Reader)
		if err != nil {
			return nil, err
		}
		e.prepared = made
	}
	return e.prepared, nil
}

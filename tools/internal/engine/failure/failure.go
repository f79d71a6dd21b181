// Package failure holds the typed errors that an engine answers with.
package failure

import (
	"context"
	"errors"
	"fmt"
)

// Code is the machine-readable name of a failure. The set is part of the protocol.
type Code string

const (
	BadRequest          Code = "bad-request"
	UnknownOperation    Code = "unknown-operation"
	Cancelled           Code = "cancelled"
	Timeout             Code = "timeout"
	DatabaseMissing     Code = "database-missing"
	DatabaseDamaged     Code = "database-damaged"
	DatabaseUnsupported Code = "database-unsupported"
	ImageCorrupt        Code = "image-corrupt"
	ImageTooLarge       Code = "image-too-large"
	ImageUnsupported    Code = "image-unsupported"
	CatalogueFailed     Code = "catalogue-failed"
	SBOMInvalid         Code = "sbom-invalid"
	MatchFailed         Code = "match-failed"
	// Local is a failure of this machine, not of the input: a full disk, a directory that cannot be written.
	Local Code = "local-failure"
)

// Error is a failure with its code.
type Error struct {
	Code  Code
	cause error
}

func (e *Error) Error() string { return e.cause.Error() }

func (e *Error) Unwrap() error { return e.cause }

// New makes a failure from a message.
func New(code Code, format string, args ...any) error {
	return &Error{Code: code, cause: fmt.Errorf(format, args...)}
}

// Wrap gives err a code. An error that has one keeps it, and one that comes from a context's end gets the code of that.
func Wrap(code Code, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: Timeout, cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: Cancelled, cause: err}
	default:
		return &Error{Code: code, cause: err}
	}
}

// CodeOf is the code of err, or fallback when it has none.
func CodeOf(err error, fallback Code) Code {
	var known *Error
	if errors.As(Wrap(fallback, err), &known) {
		return known.Code
	}
	return fallback
}

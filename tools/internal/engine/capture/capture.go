// Package capture receives what Syft, Grype and Stereoscope log. They log errors that make a result incomplete and then return success, so an
// engine that does not listen reports a gap as a clean image.
package capture

import (
	"fmt"
	"sync"

	"github.com/anchore/go-logger"
	"github.com/anchore/grype/grype"
	"github.com/anchore/stereoscope"
	"github.com/anchore/syft/syft"
)

// Entry is one warning or error that a library logged.
type Entry struct {
	Message string
	// Fields are the entry's structured values, as text.
	Fields map[string]string
}

// maxEntries bounds what a hostile image can make an engine remember.
const maxEntries = 1000

// Sink collects entries between Start and Stop. One operation runs at a time, so one sink serves a process.
type Sink struct {
	mutex   sync.Mutex
	entries []Entry
	dropped int
	isOpen  bool
}

// Install makes the sink the logger of all three libraries.
func Install() *Sink {
	sink := &Sink{}
	syft.SetLogger(&library{sink: sink})
	grype.SetLogger(&library{sink: sink})
	stereoscope.SetLogger(&library{sink: sink})
	return sink
}

// Start forgets what was collected and begins anew.
func (s *Sink) Start() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.entries, s.dropped, s.isOpen = nil, 0, true
}

// Stop ends the collection and returns it.
func (s *Sink) Stop() []Entry {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	entries := s.entries
	if s.dropped > 0 {
		entries = append(entries, Entry{Message: fmt.Sprintf("%d more warnings were left out", s.dropped)})
	}
	s.entries, s.dropped, s.isOpen = nil, 0, false
	return entries
}

func (s *Sink) add(message string, fields map[string]string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch {
	case !s.isOpen:
	case len(s.entries) >= maxEntries:
		s.dropped++
	default:
		s.entries = append(s.entries, Entry{Message: message, Fields: fields})
	}
}

// library is the logger handed to a library. Below warning it does nothing, not even format.
type library struct {
	sink   *Sink
	fields map[string]string
}

var _ logger.Logger = (*library)(nil)

func (l *library) Errorf(format string, args ...any) {
	l.sink.add(fmt.Sprintf(format, args...), l.fields)
}
func (l *library) Error(args ...any) { l.sink.add(fmt.Sprint(args...), l.fields) }
func (l *library) Warnf(format string, args ...any) {
	l.sink.add(fmt.Sprintf(format, args...), l.fields)
}
func (l *library) Warn(args ...any)      { l.sink.add(fmt.Sprint(args...), l.fields) }
func (l *library) Infof(string, ...any)  {}
func (l *library) Info(...any)           {}
func (l *library) Debugf(string, ...any) {}
func (l *library) Debug(...any)          {}
func (l *library) Tracef(string, ...any) {}
func (l *library) Trace(...any)          {}

func (l *library) WithFields(fields ...any) logger.MessageLogger { return l.with(fields) }
func (l *library) Nested(fields ...any) logger.Logger            { return l.with(fields) }

// with keeps the values unformatted until an entry is recorded: most loggers made with fields only trace.
func (l *library) with(fields []any) *fieldLogger {
	return &fieldLogger{library: library{sink: l.sink, fields: l.fields}, extra: fields}
}

type fieldLogger struct {
	library
	extra []any
}

func (l *fieldLogger) Errorf(format string, args ...any) { l.record(fmt.Sprintf(format, args...)) }
func (l *fieldLogger) Error(args ...any)                 { l.record(fmt.Sprint(args...)) }
func (l *fieldLogger) Warnf(format string, args ...any)  { l.record(fmt.Sprintf(format, args...)) }
func (l *fieldLogger) Warn(args ...any)                  { l.record(fmt.Sprint(args...)) }

func (l *fieldLogger) WithFields(fields ...any) logger.MessageLogger { return l.nest(fields) }
func (l *fieldLogger) Nested(fields ...any) logger.Logger            { return l.nest(fields) }

func (l *fieldLogger) nest(fields []any) *fieldLogger {
	return &fieldLogger{library: l.library, extra: append(append([]any{}, l.extra...), fields...)}
}

func (l *fieldLogger) record(message string) {
	fields := map[string]string{}
	for i := 0; i < len(l.extra); i++ {
		switch value := l.extra[i].(type) {
		case logger.Fields:
			for key, field := range value {
				fields[key] = fmt.Sprint(field)
			}
		default:
			if i+1 < len(l.extra) {
				fields[fmt.Sprint(value)] = fmt.Sprint(l.extra[i+1])
				i++
			}
		}
	}
	l.sink.add(message, fields)
}

package symbols

import (
	"io"
	"log"
)

// What the generated table of package log takes for functions that would end the process: logFatal and its like, and a Logger without them.

func logFatal(values ...any)                 { log.Panic(values...) }
func logFatalf(format string, values ...any) { log.Panicf(format, values...) }
func logFatalln(values ...any)               { log.Panicln(values...) }

type logLogger struct{ *log.Logger }

func logNew(output io.Writer, prefix string, flags int) *logLogger {
	return &logLogger{log.New(output, prefix, flags)}
}

func (l *logLogger) Fatal(values ...any)                 { l.Panic(values...) }
func (l *logLogger) Fatalf(format string, values ...any) { l.Panicf(format, values...) }
func (l *logLogger) Fatalln(values ...any)               { l.Panicln(values...) }

package capture

import (
	"errors"
	"testing"

	"github.com/anchore/go-logger"
)

func TestTheSinkKeepsWarningsOfTheOperationThatRuns(t *testing.T) {
	sink := &Sink{}
	var log logger.Logger = &library{sink: sink}
	log.Warn("before")
	sink.Start()
	log.Debug("quiet")
	log.WithFields("error", errors.New("no such table"), "package", "apt").Warn("matcher returned error")
	log.Nested(logger.Fields{"a": 1}).WithFields("b", 2).Errorf("with %s", "fields")
	entries := sink.Stop()
	log.Warn("after")
	if len(entries) != 2 || entries[0].Fields["error"] != "no such table" || entries[0].Fields["package"] != "apt" {
		t.Fatalf("entries %+v", entries)
	}
	if entries[1].Message != "with fields" || entries[1].Fields["a"] != "1" || entries[1].Fields["b"] != "2" {
		t.Errorf("entry %+v", entries[1])
	}
	sink.Start()
	if left := sink.Stop(); len(left) != 0 {
		t.Errorf("left over: %+v", left)
	}
}

func TestTheSinkIsBounded(t *testing.T) {
	sink := &Sink{}
	sink.Start()
	for range maxEntries + 5 {
		(&library{sink: sink}).Warn("again")
	}
	entries := sink.Stop()
	if len(entries) != maxEntries+1 || entries[maxEntries].Message != "5 more warnings were left out" {
		t.Errorf("%d entries, the last %+v", len(entries), entries[len(entries)-1])
	}
}

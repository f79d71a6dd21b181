package match

import (
	"slices"
	"testing"

	"github.com/pharos-security/pharos/tools/internal/engine/capture"
)

func TestWarningsNameWhatWasLost(t *testing.T) {
	failed := capture.Entry{Message: "matcher returned error", Fields: map[string]string{"error": "no such table", "package": "pkg:deb/debian/apt@1"}}
	got := WarningsOf([]capture.Entry{
		failed, failed,
		{Message: "unable to parse CVSS vector", Fields: map[string]string{"vector": "x"}},
		{Message: "distro detection failed"},
	})
	want := []Warning{
		{Package: "pkg:deb/debian/apt@1", Message: "matcher returned error: no such table"},
		{Message: "distro detection failed"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

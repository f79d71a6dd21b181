package facts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const base = `{"name":"n","version":"1","captured":"2026-01-01T00:00:00Z",
"vulnerabilities":[{"id":"CVE-1","published":"2020-01-01","severity":"low"},{"id":"CVE-2","published":"2020-01-01","severity":"low"}],
"distributions":[{"id":"debian","version":"12","advisories":[
 {"vulnerability":"CVE-1","package":"a","severity":"low"},{"vulnerability":"CVE-2","package":"a","severity":"low"}]}]}`

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOverlayReplacesAddsAndWithdraws(t *testing.T) {
	dir := write(t, map[string]string{"base.json": base, "next.json": `{"extends":"base.json","version":"2","withdrawn":["CVE-2"],
"vulnerabilities":[{"id":"CVE-1","published":"2020-01-01","severity":"high"},{"id":"CVE-3","published":"2026-01-01","severity":"low"}],
"distributions":[{"id":"debian","version":"12","advisories":[
 {"vulnerability":"CVE-1","package":"a","severity":"high","fixed":"2","fixedAt":"2026-01-01"},{"vulnerability":"CVE-3","package":"a","severity":"low"}]}]}`})
	got, err := Load(filepath.Join(dir, "next.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "n" || got.Version != "2" {
		t.Errorf("name %q version %q", got.Name, got.Version)
	}
	if got.Vulnerability("CVE-1").Severity != "high" || got.Vulnerability("CVE-2") != nil || got.Vulnerability("CVE-3") == nil {
		t.Errorf("vulnerabilities: %+v", got.Vulnerabilities)
	}
	advisories := got.Distributions[0].Advisories
	if len(advisories) != 2 || advisories[0].Fixed != "2" || advisories[1].Vulnerability != "CVE-3" {
		t.Errorf("advisories: %+v", advisories)
	}
}

func TestLoadRefuses(t *testing.T) {
	cases := []struct{ sentence, content, want string }{
		{"an unknown field", `{"nmae":"x"}`, "unknown field"},
		{"an advisory of an unknown vulnerability", strings.Replace(base, `{"id":"CVE-2","published":"2020-01-01","severity":"low"}`, `{"id":"CVE-9","published":"2020-01-01"}`, 1), "CVE-2 of a is not among"},
		{"a fix without its date", strings.Replace(base, `"package":"a","severity":"low"}`, `"package":"a","severity":"low","fixed":"1"}`, 1), "is not a date"},
		{"an overlay that leaves its folder", `{"extends":"../x.json"}`, "not a file name"},
		{"facts without a name", strings.Replace(base, `"name":"n",`, "", 1), "name is missing"},
	}
	for _, c := range cases {
		t.Run(c.sentence, func(t *testing.T) {
			dir := write(t, map[string]string{"facts.json": c.content})
			_, err := Load(filepath.Join(dir, "facts.json"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheSampleFactsLoad(t *testing.T) {
	for _, name := range []string{"facts.json", "facts-next.json"} {
		got, err := Load(filepath.Join("..", "..", "facts", name))
		if err != nil {
			t.Fatal(err)
		}
		if got.Vulnerability("CVE-2023-4911").KEV == nil {
			t.Errorf("%s: CVE-2023-4911 lost its KEV entry", name)
		}
	}
}

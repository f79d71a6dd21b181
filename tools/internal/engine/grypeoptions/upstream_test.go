package grypeoptions_test

import (
	"crypto/sha256"
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// followed are the functions of Grype that this module follows because it cannot call them, with the hash of the text that was followed.
// When one differs: read what changed, change ours (grypeoptions, match/packages.go, match/match.go, lookup, units, unitmatch), then the hash.
var followed = map[string]map[string]string{
	"cmd/grype/cli/commands/root.go": {
		"runGrype":                 "22750aaa4ed75a3d",
		"dbInfo":                   "e703f76e6b8183b3",
		"getMatcherConfig":         "08a433cb7db04369",
		"getMatchers":              "37c35b60d22f337a",
		"getProviderConfig":        "fd11f62789026925",
		"getFixChannels":           "e3fa5c8a42729f71",
		"ignoreLinuxKernelHeaders": "1f326d3da3f3b492",
	},
	"grype/pkg/provider.go": {
		"Provide":                 "c96b42bbc99288e5",
		"setContextDistro":        "dd5a2ad9ac92b07e",
		"getDistroChannelApplier": "85494ee6b72243e1",
		"buildChannelIndex":       "bbd8c9f9bb34ada2",
		"applyChannelsToDistro":   "2f0dc686a5f714bb",
		"channelSet":              "536da0880df523fe",
	},
	"grype/pkg/syft_provider.go": {
		"syftProvider":   "b9531b3394c0ec61",
		"distroFromSBOM": "e1790a3248274816",
	},
	"grype/db/v6/vulnerability.go": {
		"getRelatedVulnerabilities": "60186f29af27b777",
	},
	"grype/db/v6/vulnerability_provider.go": {
		"FindVulnerabilities":   "a7681798ebc3e063",
		"fetchVulnerability":    "188757419cf06b16",
		"filterVulnerabilities": "0be9b13af56eafd0",
		"handleOSError":         "78c7037cd2e354f0",
	},
	"grype/db/v6/search_query.go": {
		"ApplyCriteria":        "2179340f062930c7",
		"handleEcosystem":      "7cd7f1e15558c433",
		"handleCPE":            "d218707310b4fabd",
		"normalizePackageName": "1e0251141c547b22",
	},
	"grype/vulnerability_matcher.go": {
		"searchDBForMatches": "464a973030d53fd0",
		"findDBMatches":      "6a5dda0f3ffed190",
		"ignoredMatchFilter": "2827a82018d382d2",
		"newMatcherIndex":    "223ba7231ee5a5c9",
	},
	"grype/matcher/internal/ignores.go": {
		"OwnershipIgnores": "0813faec7cf536e4",
	},
	"grype/matcher/internal/language.go": {
		"constructIgnoreFilters": "222d71dbc26118d4",
	},
	"grype/pkg/package.go": {
		"dataFromPkg":               "2fb066f31caacc89",
		"golangMetadataFromPkg":     "59779ef1ea303497",
		"javaDataFromPkgMetadata":   "b6b36750bf938805",
		"removePackagesByOverlap":   "486032ad34be1e20",
		"excludePackage":            "5bf5dcc04986a280",
		"distroFeedIsComprehensive": "7ee5e3bb825029eb",
		"comprehensiveDistros":      "e567fd04e9b96d9e",
		"isOSPackage":               "8a6ff8aa26c36e9c",
	},
}

func TestGrypeStillDoesWhatThisModuleFollows(t *testing.T) {
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anchore/grype").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(output))
	for path, functions := range followed {
		texts := declarations(t, filepath.Join(root, path))
		for name, want := range functions {
			text, ok := texts[name]
			if !ok {
				t.Errorf("%s no longer has %s", path, name)
				continue
			}
			sum := sha256.Sum256([]byte(text))
			if got := hex.EncodeToString(sum[:8]); got != want {
				t.Errorf("%s: %s changed: its hash is %s, not %s", path, name, got, want)
			}
		}
	}
}

// declarations are the texts of a file's functions and variables, without comments, by name.
func declarations(t *testing.T, path string) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	record := func(name string, node any) {
		var text strings.Builder
		if err := printer.Fprint(&text, files, node); err != nil {
			t.Fatal(err)
		}
		texts[name] = text.String()
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			record(d.Name.Name, d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if value, ok := spec.(*ast.ValueSpec); ok {
					record(value.Names[0].Name, value)
				}
			}
		}
	}
	return texts
}

// Package units reduces a package of an image to what Grype's matchers read of it and of its image: a match unit.
//
// Grype matches packages one by one. Of the rest of the image, a package's matches depend on three things alone:
//   - a package whose files a package of the distribution owns may be dropped before matching (Unit.Dropped);
//   - packages that own its files return filters for it, by relation (Unit.Owners);
//   - packages of its own type, name and version return filters for it, by these three (Unit.Siblings).
//
// So an image's findings are the union of its units' matches, and packages of many images that make the same unit are matched once.
package units

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

// Version rises when units of the same package differ in form: units of another version are refused.
const Version = 1

// Unit is everything that decides what a package matches, whatever the database.
type Unit struct {
	Version int `json:"v"`
	// Package is absent when Dropped.
	Package *Package `json:"package,omitempty"`
	// Dropped says that Grype leaves the package to the package of the distribution that owns its files: it has no matches.
	Dropped bool `json:"dropped,omitempty"`
	// Owners are packages that own files of this one, in the order of their canonical form. Dropped ones return no filters and are left out.
	Owners []*Package `json:"owners,omitempty"`
	// Siblings are other packages of the same type, name and version whose filters may differ from this one's, reduced to what decides these.
	Siblings []*Package `json:"siblings,omitempty"`
}

// Package holds the fields of a Grype package that matchers and qualifiers read.
type Package struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	Language string `json:"language,omitempty"`
	// PURL is held for the types whose names in the database come from it.
	PURL   string  `json:"purl,omitempty"`
	Distro *Distro `json:"distro,omitempty"`
	// CPEs is nil where the matcher of this type does not search by CPE.
	CPEs      *[]CPE     `json:"cpes,omitempty"`
	Upstreams []Upstream `json:"upstreams,omitempty"`
	Metadata  *Metadata  `json:"metadata,omitempty"`
}

// Distro is the distribution that a package is matched in.
type Distro struct {
	Type     string   `json:"type"`
	Version  string   `json:"version,omitempty"`
	Codename string   `json:"codename,omitempty"`
	Channels []string `json:"channels,omitempty"`
}

// Upstream is a source package.
type Upstream struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Encode is a unit's canonical form: equal units have equal bytes. It holds no newline.
func (u *Unit) Encode() ([]byte, error) { return encode(u) }

// Key names a canonical form: the first 32 hex digits of its SHA-256.
func Key(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:16])
}

// Decode reads a unit's canonical form. Its errors have the code bad-request.
func Decode(canonical []byte) (*Unit, error) {
	decoder := json.NewDecoder(bytes.NewReader(canonical))
	// A field that is not known decides something that this engine would leave out.
	decoder.DisallowUnknownFields()
	var unit Unit
	if err := decoder.Decode(&unit); err != nil {
		return nil, failure.New(failure.BadRequest, "the match unit cannot be read: %w", err)
	}
	if unit.Version != Version {
		return nil, failure.New(failure.BadRequest, "the match unit is of version %d; this engine reads version %d", unit.Version, Version)
	}
	if unit.Package == nil && !unit.Dropped {
		return nil, failure.New(failure.BadRequest, "the match unit has no package")
	}
	return &unit, nil
}

// encode writes struct fields in the order of their declaration and map keys sorted, so one value has one form.
func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("a match unit cannot be written: %w", err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte{'\n'}), nil
}

// identity groups packages that filter one another by type, name and version.
func (p *Package) identity() string { return strings.Join([]string{p.Type, p.Name, p.Version}, "\x00") }

package fleet

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pharos-security/pharos/tools/internal/facts"
	"github.com/pharos-security/pharos/tools/internal/sampledb"
)

// DatabaseResult names one database.
type DatabaseResult struct {
	Generation      int    `json:"generation"`
	ArchivePath     string `json:"archivePath"`
	Checksum        string `json:"checksum"`
	Vulnerabilities int    `json:"vulnerabilities"`
	Advisories      int    `json:"advisories"`
	BuildMs         int64  `json:"buildMs"`
}

// WriteDatabase builds a generation in Grype's own format below a directory; base are facts that it holds as well.
func (g *Generation) WriteDatabase(base *facts.Facts, directory string) (*DatabaseResult, error) {
	made := g.Facts(base)
	result := &DatabaseResult{Generation: g.Number, Vulnerabilities: len(made.Vulnerabilities), Advisories: len(made.GitHub) + len(made.Go)}
	for _, d := range made.Distributions {
		result.Advisories += len(d.Advisories)
	}
	started := time.Now()
	written, err := sampledb.WriteGrype(made, sampledb.GrypeOptions{
		OutputDirectory: directory, ArchiveExtension: "tar.zst",
		// Stated, so that the same parameters give databases of the same order, whenever they are built.
		BuiltAt: scoreDay.Add(time.Duration(g.Number) * 6 * time.Hour),
	})
	if err != nil {
		return nil, err
	}
	result.ArchivePath, result.Checksum, result.BuildMs = written.ArchivePath, written.Checksum, time.Since(started).Milliseconds()
	return result, nil
}

// imageLine is an image in images.jsonl.gz: packages are triples of the position in packages.jsonl, in layers and in roots.
type imageLine struct {
	Repository string    `json:"repository"`
	Tag        string    `json:"tag"`
	CreatedAt  time.Time `json:"createdAt"`
	Distro     distro    `json:"distro"`
	Layers     []string  `json:"layers"`
	Packages   [][3]int  `json:"packages"`
}

type distro struct {
	ID         string `json:"id"`
	VersionID  string `json:"versionId"`
	PrettyName string `json:"prettyName"`
}

// packageLine is a unique package in packages.jsonl: where its record stands among the SBOM documents.
type packageLine struct {
	Ecosystem  Ecosystem `json:"ecosystem"`
	Document   int       `json:"document"`
	ArtifactID string    `json:"artifactId"`
	// Path lies below the root of its occurrence.
	Path string `json:"path"`
}

// WriteImages writes the first images and, as SBOM documents that share nothing but their distribution, the unique packages that they hold:
//
//	images.jsonl.gz    one image a line
//	packages.jsonl     one unique package a line
//	documents/N.json   syft-json, so that a catalogue and match units are made of them as of any image
//	fleet.json         parameters and counts; written last
func (w *World) WriteImages(images int, directory string) (*Summary, error) {
	if err := os.MkdirAll(filepath.Join(directory, "documents"), 0o755); err != nil {
		return nil, err
	}
	composer := NewComposer(w)
	err := writeFile(filepath.Join(directory, "images.jsonl.gz"), true, func(out io.Writer) error {
		encoder := json.NewEncoder(out)
		for number := range images {
			if err := encoder.Encode(lineOf(composer.Image(number))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := writePackages(composer.Packages(), directory); err != nil {
		return nil, err
	}
	summary := w.Summarize(images)
	err = writeFile(filepath.Join(directory, "fleet.json"), false, func(out io.Writer) error {
		return json.NewEncoder(out).Encode(map[string]any{"seed": w.seed, "roots": Roots, "summary": summary})
	})
	return &summary, err
}

func lineOf(image *Image) imageLine {
	r := releases[image.release]
	line := imageLine{
		Repository: image.Repository, Tag: image.Tag, CreatedAt: image.CreatedAt,
		Distro: distro{r.id, r.version, r.prettyName},
	}
	for _, name := range image.Layers {
		line.Layers = append(line.Layers, layerDigest(name))
	}
	for _, o := range image.Occurrences {
		line.Packages = append(line.Packages, [3]int{o.Package.Index, o.Layer, o.Root})
	}
	return line
}

// documentSize keeps documents small enough to be read whole, and few enough to be read fast.
const documentSize = 4000

func writePackages(packages []*Package, directory string) error {
	lines := make([]packageLine, len(packages))
	for number, document := range documentsOf(packages) {
		ids, err := writeDocument(filepath.Join(directory, "documents", fmt.Sprintf("%d.json", number)), document[0].release, document)
		if err != nil {
			return err
		}
		for i, p := range document {
			lines[p.Index] = packageLine{p.Ecosystem, number, ids[i], p.Path()}
		}
	}
	return writeFile(filepath.Join(directory, "packages.jsonl"), false, func(out io.Writer) error {
		encoder := json.NewEncoder(out)
		for _, line := range lines {
			if err := encoder.Encode(line); err != nil {
				return err
			}
		}
		return nil
	})
}

// documentsOf divides packages by release. One document holds no two packages that an SBOM would not tell apart: the same Python distribution
// that Debian packages of several revisions own, each in another image.
func documentsOf(packages []*Package) [][]*Package {
	var documents [][]*Package
	for release := range releases {
		var rest []*Package
		for _, p := range packages {
			if p.release == release {
				rest = append(rest, p)
			}
		}
		for len(rest) > 0 {
			var document, later []*Package
			held := map[string]bool{}
			for _, p := range rest {
				identity := p.Path() + " " + p.Name + " " + p.Version
				if p.owner == nil {
					identity = ""
				}
				if len(document) == documentSize || held[identity] {
					later = append(later, p)
					continue
				}
				held[identity] = identity != ""
				document = append(document, p)
			}
			documents = append(documents, document)
			rest = later
		}
	}
	return documents
}

// writeFile makes a file whole or not at all.
func writeFile(path string, isCompressed bool, write func(io.Writer) error) (err error) {
	file, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path+".part"))
		}
	}()
	buffered := bufio.NewWriterSize(file, 1<<20)
	var out io.Writer = buffered
	finish := buffered.Flush
	if isCompressed {
		compressed, levelErr := gzip.NewWriterLevel(buffered, gzip.BestSpeed)
		if levelErr != nil {
			return errors.Join(levelErr, file.Close())
		}
		out, finish = compressed, func() error { return errors.Join(compressed.Close(), buffered.Flush()) }
	}
	if err := errors.Join(write(out), finish(), file.Close()); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

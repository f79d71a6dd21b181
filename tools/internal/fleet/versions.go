package fleet

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// months is how long the made-up past is in which versions were published.
const months = 36

// epoch is the first of the months.
var epoch = time.Date(2023, time.January, 1, 0, 0, 0, 0, time.UTC)

func versionCount(p *project) int {
	switch p.ecosystem {
	case Debian:
		return p.dice.sub("versions").between(3, 12)
	case Alpine:
		return p.dice.sub("versions").between(2, 8)
	default:
		return p.dice.sub("versions").between(6, 20)
	}
}

// versionAt is the position of the newest version that was published by a month.
func (p *project) versionAt(month int) int {
	month = max(0, min(months-1, month))
	return max(0, (month+1)*p.versions/months-1)
}

// publishedAt is the day of a version; its position may be one past the newest, which is published last.
func (p *project) publishedAt(position int) time.Time {
	month := min(months-1, position*months/p.versions)
	return epoch.AddDate(0, month, p.dice.sub("day").at(position).below(28))
}

var goMajor = regexp.MustCompile(`/v(\d+)$`)

// version is the text of a version. Versions of a project are in the order of their positions by the rules of its ecosystem.
// at is the position in releases for a distribution, else ignored.
func (p *project) version(at, position int) string {
	d := p.dice.sub("numbers")
	minor, patch := position/4, position%4
	switch p.ecosystem {
	case Debian:
		upstream := fmt.Sprintf("%d.%d.%d", 1+d.below(8), d.at(1).below(30)+releases[at].upstreamRevised, d.at(2).below(9))
		if position == 0 {
			return fmt.Sprintf("%s-%d", upstream, 1+d.at(3).below(6))
		}
		return fmt.Sprintf("%s-%d+deb%su%d", upstream, 1+d.at(3).below(6), releases[at].version, position)
	case Alpine:
		return fmt.Sprintf("%d.%d.%d-r%d", 1+d.below(8), d.at(1).below(30)+releases[at].upstreamRevised, d.at(2).below(9), position)
	case Go:
		major := 0
		if d.below(2) == 0 {
			major = 1
		}
		if found := goMajor.FindStringSubmatch(p.name); found != nil {
			major, _ = strconv.Atoi(found[1])
		}
		return fmt.Sprintf("v%d.%d.%d", major, 1+minor, patch)
	default:
		return fmt.Sprintf("%d.%d.%d", 1+d.below(6)+minor/5, minor%5, patch)
	}
}

// upstreamOf is the version of the upstream project in the version of a Debian package.
func upstreamOf(version string) string {
	upstream, _, _ := strings.Cut(version, "-")
	return upstream
}

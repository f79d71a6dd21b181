package fleet

import "math"

// dice answers questions about a thing of a name. The answer depends on the seed, the thing and the question alone, never on the order of asking.
type dice uint64

func roll(seed uint64, thing string) dice {
	// FNV-1a, then the finalizer of SplitMix64: neighbours like "app-1" and "app-2" must not get neighbouring answers.
	hash := uint64(14695981039346656037)
	for i := range len(thing) {
		hash = (hash ^ uint64(thing[i])) * 1099511628211
	}
	return dice(mixed(hash ^ mixed(seed)))
}

func mixed(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// sub is another thing that belongs to this one.
func (d dice) sub(question string) dice {
	return roll(uint64(d), question)
}

// at is the n-th thing of a row that belongs to this one.
func (d dice) at(n int) dice {
	return dice(mixed(uint64(d) + mixed(uint64(n))))
}

// share is from 0 to 1, 1 excluded.
func (d dice) share() float64 {
	return float64(mixed(uint64(d))>>11) / (1 << 53)
}

// below is from 0 to n, n excluded.
func (d dice) below(n int) int {
	return int(d.share() * float64(n))
}

// between includes both ends.
func (d dice) between(low, high int) int {
	return low + d.below(high-low+1)
}

// around is spread evenly about a middle, by at most the given part of it.
func (d dice) around(middle int, part float64) int {
	return int(math.Round(float64(middle) * (1 + part*(2*d.share()-1))))
}

// weighted picks the position of one of the weights.
func (d dice) weighted(weights []float64) int {
	total := 0.0
	for _, weight := range weights {
		total += weight
	}
	left := d.share() * total
	for i, weight := range weights {
		if left -= weight; left < 0 {
			return i
		}
	}
	return len(weights) - 1
}

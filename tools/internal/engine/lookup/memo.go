package lookup

import "sync"

// memo remembers values up to a total weight. It keeps two halves: when the younger is full, the elder is forgotten and the younger takes its
// place, so that what is asked for again and again stays.
type memo[V any] struct {
	mutex          sync.Mutex
	limit          int
	weight         int
	younger, elder map[string]V
}

func newMemo[V any](limit int) *memo[V] {
	return &memo[V]{limit: limit, younger: map[string]V{}}
}

func (m *memo[V]) get(key string, weigh func(V) int) (V, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if value, ok := m.younger[key]; ok {
		return value, true
	}
	value, ok := m.elder[key]
	if ok {
		m.keep(key, value, weigh(value))
	}
	return value, ok
}

func (m *memo[V]) put(key string, value V, weight int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if _, ok := m.younger[key]; !ok {
		m.keep(key, value, weight)
	}
}

func (m *memo[V]) keep(key string, value V, weight int) {
	if m.weight+weight > m.limit/2 && len(m.younger) > 0 {
		m.elder, m.younger, m.weight = m.younger, map[string]V{}, 0
	}
	m.younger[key] = value
	m.weight += weight
}

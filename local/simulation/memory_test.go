package simulation

import "time"

// lend takes the connection that was used last, and tells how long it rested.
func (n *network) lend() (*resting, time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.idle) == 0 {
		return nil, 0
	}
	last := n.idle[len(n.idle)-1]
	n.idle = n.idle[:len(n.idle)-1]
	age := time.Since(last.used)
	if age > idleLimit {
		return nil, 0
	}
	return &last, age
}

func (n *network) learn(what, i int, answered bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if answered {
		delete(n.failed, [2]int{what, i})
		return
	}
	n.failed[[2]int{what, i}] = time.Now()
}

// order is the numbers of servers or hosts: those that failed lately last.
func (n *network) order(what, count int) []int {
	n.mu.Lock()
	defer n.mu.Unlock()
	good, bad := make([]int, 0, count), make([]int, 0, count)
	for i := range count {
		if at, failed := n.failed[[2]int{what, i}]; failed && time.Since(at) < grudge {
			bad = append(bad, i)
		} else {
			good = append(good, i)
		}
	}
	return append(good, bad...)
}

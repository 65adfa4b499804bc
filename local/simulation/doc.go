// Package simulation runs the engine (deadline, step, attempt, evidence, wire)
// through random schedules in virtual time: `make simulate`. It has tests only.
//
// A schedule is one function process: what its services and their network do, and
// who calls. It is drawn from a seed over the names' servers, the addresses, their
// failures, freezes, how long connections rest, and the neighbours: callers beside
// one another that share the policies, some in a hurry. What a call meets is drawn
// too. The model writes down where each attempt truly is at each moment; after
// each call the rules (rules_test.go) compare what the engine did and said with that.
package simulation

package dynamo

import "math"

// dot is the inner product of two vectors of one length. Eight independent
// sums keep the processor's adders busy, where one would wait for itself.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for len(a) >= 8 && len(b) >= 8 {
		x, y := a[:8:8], b[:8:8]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		s4 += x[4] * y[4]
		s5 += x[5] * y[5]
		s6 += x[6] * y[6]
		s7 += x[7] * y[7]
		a, b = a[8:], b[8:]
	}
	for i := range min(len(a), len(b)) {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3) + ((s4 + s5) + (s6 + s7))
}

func norm(v []float32) float32 { return float32(math.Sqrt(float64(dot(v, v)))) }

// distance is the cosine distance, 0 to 2, in double precision. A vector of
// length zero has no direction: its distance to anything is 1.
func distance(a, b []float32) float64 {
	var inner, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		inner += x * y
		aa += x * x
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 1
	}
	return min(2, max(0, 1-inner/math.Sqrt(aa*bb)))
}

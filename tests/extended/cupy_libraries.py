"""CuPy: sorting, products, transforms and random numbers, which go to CUDA's libraries."""
import cupy
import numpy

rng = numpy.random.default_rng(1)
values = rng.random(500, dtype=numpy.float32)
assert (cupy.asnumpy(cupy.sort(cupy.asarray(values))) == numpy.sort(values)).all()

a, b = rng.random((40, 30)), rng.random((30, 20))
assert numpy.allclose(cupy.asnumpy(cupy.asarray(a) @ cupy.asarray(b)), a @ b)

signal = rng.random(128) + 1j * rng.random(128)
assert numpy.allclose(cupy.asnumpy(cupy.fft.fft(cupy.asarray(signal))), numpy.fft.fft(signal))

numbers = cupy.asnumpy(cupy.random.default_rng(7).random(2000))
assert 0 <= numbers.min() and numbers.max() < 1 and abs(numbers.mean() - 0.5) < 0.05
print("right")

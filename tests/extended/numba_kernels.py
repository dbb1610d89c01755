"""numba-cuda: a kernel, shared memory, atomics and a reduction."""
import numpy
from numba import cuda, float32


@cuda.jit
def add(a, b, c):
    i = cuda.grid(1)
    if i < a.size:
        c[i] = a[i] + b[i]


@cuda.jit
def reversed_blocks(a, b):
    tile = cuda.shared.array(64, float32)
    i = cuda.grid(1)
    tile[cuda.threadIdx.x] = a[i]
    cuda.syncthreads()
    b[i] = tile[63 - cuda.threadIdx.x]


@cuda.jit
def histogram(values, bins):
    i = cuda.grid(1)
    if i < values.size:
        cuda.atomic.add(bins, values[i], 1)


@cuda.reduce
def total(a, b):
    return a + b


a = numpy.arange(1000, dtype=numpy.float32)
b = numpy.zeros_like(a)
add[8, 128](a, a, b)
assert (b == 2 * a).all()
c = numpy.zeros(640, dtype=numpy.float32)
reversed_blocks[10, 64](a[:640], c)
assert (c == a[:640].reshape(10, 64)[:, ::-1].ravel()).all()
values = numpy.arange(1000) % 7
bins = numpy.zeros(7, dtype=numpy.int32)
histogram[8, 128](values, bins)
assert (bins == numpy.bincount(values)).all()
assert total(a) == a.sum()
print("right")

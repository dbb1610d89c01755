"""CuPy: element-wise functions, reductions and kernels of one's own, against NumPy."""
import cupy
import numpy

values = numpy.linspace(-3, 3, 1000, dtype=numpy.float32)
array = cupy.asarray(values)

assert numpy.allclose(cupy.asnumpy(cupy.sin(array) * 2 + 1), numpy.sin(values) * 2 + 1, atol=1e-6)
assert numpy.isclose(float(array.sum()), values.sum(), atol=1e-3)
assert int(array.argmax()) == values.argmax()

square = cupy.RawKernel(
    r"""extern "C" __global__ void square(const float* from, float* to, int count) {
          int i = blockIdx.x * blockDim.x + threadIdx.x;
          if (i < count) to[i] = from[i] * from[i];
        }""",
    "square",
)
result = cupy.zeros_like(array)
square((4,), (256,), (array, result, numpy.int32(len(values))))
assert numpy.allclose(cupy.asnumpy(result), values * values)

fused = cupy.ElementwiseKernel("float32 a, float32 b", "float32 c", "c = a * b + 1", "fused")
assert numpy.allclose(cupy.asnumpy(fused(array, array)), values * values + 1)
print("right")

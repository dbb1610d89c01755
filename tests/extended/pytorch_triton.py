"""Triton: kernels of one's own: masks, reductions and a product on the matrix units, against PyTorch on the processor."""
import torch
import triton
import triton.language as tl


@triton.jit
def add(x, y, out, count, block: tl.constexpr):
    i = tl.program_id(0) * block + tl.arange(0, block)
    inside = i < count
    tl.store(out + i, tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)


@triton.jit
def softmax(x, out, columns, block: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, block)
    value = tl.load(x + row * columns + i, mask=i < columns, other=-float("inf"))
    power = tl.exp(value - tl.max(value, 0))
    tl.store(out + row * columns + i, power / tl.sum(power, 0), mask=i < columns)


@triton.jit
def product(a, b, out, inner, size: tl.constexpr, step: tl.constexpr):
    row, column, k = tl.arange(0, size)[:, None], tl.arange(0, size)[None, :], tl.arange(0, step)
    total = tl.zeros((size, size), dtype=tl.float32)
    for start in range(0, inner, step):
        left = tl.load(a + row * inner + start + k[None, :])
        right = tl.load(b + (start + k[:, None]) * size + column)
        total = tl.dot(left, right, total)
    tl.store(out + row * size + column, total)


torch.manual_seed(1)
a, b, sums = torch.randn(1000), torch.randn(1000), torch.empty(1000, device="cuda")
add[(4,)](a.cuda(), b.cuda(), sums, 1000, block=256)
assert torch.equal(sums.cpu(), a + b)
x, y = torch.randn(8, 200), torch.empty(8, 200, device="cuda")
softmax[(8,)](x.cuda(), y, 200, block=256)
assert torch.allclose(y.cpu(), torch.softmax(x, 1), atol=1e-6)
left, right, out = torch.randn(64, 128).half(), torch.randn(128, 64).half(), torch.empty(64, 64, device="cuda")
product[(1,)](left.cuda(), right.cuda(), out, 128, size=64, step=32)
assert torch.allclose(out.cpu(), left.float() @ right.float(), atol=1e-3, rtol=1e-3)
print("right")

"""PyTorch: what needs no kernels of its own: the device, memory, streams, events, and products by cuBLAS."""
import torch

properties = torch.cuda.get_device_properties(0)
assert properties.multi_processor_count > 0 and torch.cuda.mem_get_info()[1] > 0
torch.manual_seed(1)
a, b = torch.randn(64, 48), torch.randn(48, 32)
stream = torch.cuda.Stream()
start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
with torch.cuda.stream(stream):
    start.record()
    product = torch.mm(a.cuda(), b.cuda())
    end.record()
stream.synchronize()
assert start.elapsed_time(end) >= 0
assert torch.allclose(product.cpu(), a @ b, atol=1e-4)
assert torch.cuda.memory_allocated() > 0
del product
torch.cuda.empty_cache()
print("right")

"""PyTorch: a small network has the same losses as on the processor while it is trained. Where PyTorch's own kernels have
no PTX (docs/packages.md), the network is compiled: its kernels are Triton's and cuBLAS's; eager ones must be refused."""
import torch
import torch._inductor.config

has_ptx = any(name.startswith("compute") for name in torch.cuda.get_arch_list())
# These would compute on the device while they compile, eagerly.
torch._inductor.config.joint_graph_constant_folding = False
torch._inductor.config.shape_padding = False


def train(device, compiled):
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.GELU(), torch.nn.LayerNorm(32), torch.nn.Linear(32, 10))
    images, labels = torch.randn(16, 64), torch.arange(16) % 10
    one = torch.ones(()).to(device)  # backward() would make it on the device
    model, images, labels = model.to(device), images.to(device), labels.to(device)
    parameters = list(model.parameters())

    def loss_of(images, labels):
        return torch.nn.functional.cross_entropy(model(images), labels)

    def step(parameters, gradients):
        return [p - 0.1 * g for p, g in zip(parameters, gradients)]

    if compiled:
        loss_of, step = torch.compile(loss_of), torch.compile(step)
    losses = []
    for _ in range(5):
        for p in parameters:
            p.grad = None
        loss = loss_of(images, labels)
        loss.backward(one)
        losses.append(loss.item())
        with torch.no_grad():
            for p, new in zip(parameters, step(parameters, [p.grad for p in parameters])):
                p.copy_(new)
    return torch.tensor(losses)


there, here = train("cuda", not has_ptx), train("cpu", False)
assert torch.allclose(there, here, atol=1e-3), (there, here)
assert there[-1] < there[0]
if not has_ptx:
    try:
        print(torch.ones(4).cuda() + 1)
        raise SystemExit("an eager kernel without PTX was not refused")
    except RuntimeError as refusal:
        assert "no kernel image" in str(refusal), refusal
print("right")

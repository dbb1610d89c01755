"""PyTorch: a small training loop has the same losses as on the processor."""
import torch


def train(device):
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 64, 10)
    )
    images, labels = torch.randn(16, 1, 8, 8), torch.arange(16) % 10
    model, images, labels = model.to(device), images.to(device), labels.to(device)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return torch.tensor(losses)


there, here = train("cuda"), train("cpu")
assert torch.allclose(there, here, atol=1e-3), (there, here)
print("right")

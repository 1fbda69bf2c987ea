"""ActionMAE alone, over the tokens of somebody else's network: ten lines, then a toy problem to see them work.

Run it: `.venv/bin/python examples/plug_in.py` (seconds). It prints the accuracy for every subset of three sensors.
"""

import torch
import torch.nn.functional as F
from torch import nn

import actionmae
from actionmae.core.dropping import sample_visible
from actionmae.core.subsets import all_subsets
from actionmae.nn.losses import reconstruction_loss

B, M, C, NUM_CLASSES, STEPS = 64, 3, 32, 8, 200

torch.set_num_threads(1)  # on tensors as small as these, threads only wait for each other
torch.manual_seed(0)
generator = torch.Generator().manual_seed(0)
prototypes = torch.randn(NUM_CLASSES, M, C, generator=generator)


def your_tokens() -> tuple[torch.Tensor, torch.Tensor]:
    """Stands for your encoders: tokens [B, M, C], labels [B]; each sensor sees the class in its own way, with noise."""
    labels = torch.randint(NUM_CLASSES, (B,), generator=generator)
    return prototypes[labels] + 2.5 * torch.randn(B, M, C, generator=generator), labels


# --- ten lines ---
mae = actionmae.ActionMAE(num_modalities=M, embed_dim=C, mlp_dim=64)
head = nn.Linear(M * C, NUM_CLASSES)  # or your own fusion
optimizer = torch.optim.AdamW([*mae.parameters(), *head.parameters()], lr=3e-3)
for _ in range(STEPS):
    tokens, labels = your_tokens()
    available = torch.ones(B, M, dtype=torch.bool)  # False where a sensor is missing: it is never read, nor a target
    visible = sample_visible(available, generator=generator, per="sample")
    out = mae(tokens, visible)  # out.tokens: originals where visible, reconstructions elsewhere
    loss = F.cross_entropy(head(out.tokens.flatten(1)), labels)
    loss = loss + reconstruction_loss(out.reconstructed, tokens, dropped=available & ~visible)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
# --- end ---

mae.eval()
tokens, labels = your_tokens()
for subset in all_subsets(M):
    visible = torch.zeros(B, M, dtype=torch.bool)
    visible[:, list(subset)] = True
    with torch.no_grad():
        accuracy = (head(mae(tokens, visible).tokens.flatten(1)).argmax(1) == labels).float().mean()
    print(f"sensors {'+'.join(map(str, subset)):5}  accuracy {accuracy:.0%}")

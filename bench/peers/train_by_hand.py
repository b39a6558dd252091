"""The harder peer of `bench train`: a LoRA step written by hand for PyTorch that does the work that ours does and no more. Image
rows of the output matrix at the positions that have a loss, no other positions after the last block's attention, query, key and
value as one product, gate and up as one, one dropout for each input, fused attention, AdamW on the adapter alone. Each block is
compiled by torch.compile where that is faster. Each line read asks for some steps."""

import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.utils.checkpoint import checkpoint

folder, checkpointing = sys.argv[1], sys.argv[2] == "true"
torch.set_num_threads(int(sys.argv[3]))
first_image, codes, completion, rank = map(int, sys.argv[4:8])
torch.manual_seed(0)
config = json.load(open(f"{folder}/config.json"))
config = config.get("text_config", config)
width, heads, depth = config["hidden_size"], config["num_attention_heads"], config["num_hidden_layers"]
dim, epsilon, rate = width // heads, config["rms_norm_eps"], float(sys.argv[8])
batch = load_file(f"{folder}/batch.safetensors")
tokens, labels = batch["tokens"].long()[:, :-1], batch["labels"].long()[:, -completion:] - first_image
weights = {name: tensor.bfloat16() for name, tensor in load_file(f"{folder}/model.safetensors").items() if "vqmodel" not in name}

positions = torch.arange(tokens.shape[1]).float()
angles = torch.outer(positions, config["rope_theta"] ** (-torch.arange(0, dim, 2).float() / dim)).repeat(1, 2)
cos, sin = angles.cos().bfloat16(), angles.sin().bfloat16()  # [T, d] each


def adapter(inputs, *outputs):
    """The factors of projections of one input: their first ones together, their second ones each."""
    first = (torch.rand(rank * len(outputs), inputs) * 2 - 1) * inputs ** -0.5
    return [first.requires_grad_()] + [torch.zeros(out, rank, requires_grad=True) for out in outputs]


def laid(i):
    """A block's frozen weights, and its adapter."""
    w = lambda name: weights[f"model.layers.{i}.{name}.weight"]
    attention = [w(f"self_attn.{x}_proj") for x in "qkv"]
    inner = w("mlp.gate_proj").shape[0]
    norms = [weights[f"model.layers.{i}.self_attn.{x}_norm.{part}"] for x in "qk" for part in ("weight", "bias")]
    frozen = [w("input_layernorm"), torch.cat(attention), *norms, w("self_attn.o_proj"), w("post_attention_layernorm"),
              torch.cat([w("mlp.gate_proj"), w("mlp.up_proj")]), w("mlp.down_proj")]
    trained = [adapter(width, *[x.shape[0] for x in attention]), adapter(width, width), adapter(width, inner, inner), adapter(inner, width)]
    return frozen, trained


def adapted(x, weight, factors):
    """[B, T, in] -> [B, T, out]"""
    low = F.linear(F.dropout(x, rate), factors[0].bfloat16()).split(rank, -1)
    updates = [F.linear(part, second.bfloat16()) for part, second in zip(low, factors[1:])]
    return F.linear(x, weight) + (updates[0] if len(updates) == 1 else torch.cat(updates, -1))


def normed(x, gain, bias):
    """QK-norm and RoPE. [B, T, H * d] -> [B, H, T, d]"""
    y = (F.layer_norm(x.unflatten(-1, (-1, dim)), (dim,), eps=1e-5) * gain + bias).transpose(1, 2)
    first, second = y.chunk(2, -1)
    return y * cos + torch.cat((-second, first), -1) * sin


def block(x, last, frozen, trained):
    norm1, qkv, q_gain, q_bias, k_gain, k_bias, out, norm2, gate_up, down = frozen
    q, k, v = adapted(F.rms_norm(x, (width,), norm1, epsilon), qkv, trained[0]).chunk(3, -1)
    values = v.unflatten(-1, (-1, dim)).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(normed(q, q_gain, q_bias), normed(k, k_gain, k_bias), values, is_causal=True)
    mixed = mixed.transpose(1, 2).flatten(2)
    if last:  # no other positions have a loss
        x, mixed = x[:, -completion:], mixed[:, -completion:]
    x = x + adapted(mixed, out, trained[1])
    gate, up = adapted(F.rms_norm(x, (width,), norm2, epsilon), gate_up, trained[2]).chunk(2, -1)
    return x + adapted(F.silu(gate) * up, down, trained[3])


blocks = [laid(i) for i in range(depth)]
parameters = [p for _, trained in blocks for group in trained for p in group]
optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
head = weights["lm_head.weight"][first_image:first_image + codes].contiguous()
compiled = torch.compile(block, dynamic=False)


def step(run):
    start = time.perf_counter()
    x = F.embedding(tokens, weights["model.embed_tokens.weight"])
    for i, (frozen, trained) in enumerate(blocks):
        args = (x, i == depth - 1, frozen, trained)
        x = checkpoint(run, *args, use_reentrant=False) if checkpointing else run(*args)
    hidden = F.rms_norm(x, (width,), weights["model.norm.weight"], epsilon)
    loss = F.cross_entropy(F.linear(hidden, head).float().flatten(0, 1), labels.flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item(), time.perf_counter() - start


chosen, first_loss = block, None
for line in sys.stdin:
    ask = json.loads(line)
    if ask.get("choose"):
        first_loss = step(block)[0]
        seconds = {False: min(step(block)[1] for _ in range(2))}
        try:
            step(compiled)
            seconds[True] = min(step(compiled)[1] for _ in range(2))
        except Exception as error:  # no C++ compiler, say
            print(f"torch.compile failed: {error}", file=sys.stderr)
        use_compiled = min(seconds, key=seconds.get)
        chosen = compiled if use_compiled else block
        print(json.dumps({"compiled": use_compiled, "eager": seconds[False], "with_compile": seconds.get(True), "loss": first_loss}), flush=True)
        continue
    times = [step(chosen) for _ in range(ask["steps"])]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": sum(t for _, t in times) / len(times), "loss": times[-1][0], "memory": memory}), flush=True)

"""The peer of `bench train`: transformers + PEFT on PyTorch, as a researcher would train Chameleon with LoRA. Each line read asks
for some steps. Forward hides image tokens, which makes their loss infinite, so the output matrix is applied outside it: all of it
at all positions ("whole"), or, as we do, the rows of image tokens at the positions that have a loss ("rows")."""

import json
import resource
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import ChameleonForConditionalGeneration

folder, head, checkpointing = sys.argv[1], sys.argv[2], sys.argv[3] == "true"
torch.set_num_threads(int(sys.argv[4]))
first_image, codes, completion, rank = map(int, sys.argv[5:9])
torch.manual_seed(0)
batch = load_file(f"{folder}/batch.safetensors")
tokens, labels = batch["tokens"].long(), batch["labels"].long()  # labels: -100 before the completion
model = ChameleonForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16)
if checkpointing:
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
model = get_peft_model(model, LoraConfig(r=rank, lora_alpha=rank, lora_dropout=float(sys.argv[9]), target_modules=targets, task_type="CAUSAL_LM"))
model.train()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
base = model.get_base_model()
rows = base.lm_head.weight.detach()[first_image:first_image + codes]


def loss_of_batch():
    if head == "whole":
        hidden = base.model(input_ids=tokens).last_hidden_state
        return base.loss_function(logits=base.lm_head(hidden), labels=labels, vocab_size=base.config.vocab_size)
    hidden = base.model(input_ids=tokens[:, :-1]).last_hidden_state[:, -completion:]
    logits = torch.nn.functional.linear(hidden, rows).float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, -completion:].flatten() - first_image)


for line in sys.stdin:
    steps = json.loads(line)["steps"]
    start = time.perf_counter()
    for _ in range(steps):
        loss = loss_of_batch()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        value = loss.item()
    seconds = (time.perf_counter() - start) / steps
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "loss": value, "memory": memory}), flush=True)

"""The peer of `bench sample`: transformers' generate with its cache on PyTorch. Each line read asks for one drawing."""

import json
import resource
import sys
import time

import torch
from transformers import ChameleonForConditionalGeneration

folder = sys.argv[1]
torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(0)
model = ChameleonForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).eval()
prompts = json.load(open(f"{folder}/prompts.json"))
for line in sys.stdin:
    ask = json.loads(line)
    rows = [prompts[i % ask["sources"]] for i in range(ask["rows"])]
    prompt = torch.tensor(rows)
    options = dict(attention_mask=torch.ones_like(prompt), do_sample=True, temperature=1.0, top_k=0, eos_token_id=None, pad_token_id=1)
    with torch.inference_mode():
        start = time.perf_counter()
        out = model.generate(prompt, max_new_tokens=ask["tokens"], **options)
        seconds = time.perf_counter() - start
    assert out.shape == (ask["rows"], prompt.shape[1] + ask["tokens"])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "memory": memory}), flush=True)

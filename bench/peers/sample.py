"""The peer of `bench sample`: transformers' generate with its cache on PyTorch, all candidates in one batch."""

import json
import resource
import sys
import time

import torch
from transformers import ChameleonForConditionalGeneration

folder, tokens, candidates = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(int(sys.argv[4]))
torch.manual_seed(0)
model = ChameleonForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).eval()
prompt = torch.tensor([json.load(open(f"{folder}/prompt.json"))] * candidates)
options = dict(attention_mask=torch.ones_like(prompt), do_sample=True, temperature=1.0, top_k=0, eos_token_id=None, pad_token_id=1)
times = []
with torch.inference_mode():
    model.generate(prompt, max_new_tokens=8, **options)
    for _ in range(2):
        start = time.perf_counter()
        out = model.generate(prompt, max_new_tokens=tokens, **options)
        assert out.shape == (candidates, prompt.shape[1] + tokens)
        times.append(time.perf_counter() - start)
print(json.dumps({"seconds": min(times), "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))

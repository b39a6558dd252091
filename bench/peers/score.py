"""The peer of `bench score`: transformers on PyTorch; sequences of one length in batches, logits at the completion alone."""

import json
import resource
import sys
import time

import torch
from transformers import ChameleonForConditionalGeneration

folder = sys.argv[1]
torch.set_num_threads(int(sys.argv[2]))
families = json.load(open(f"{folder}/families.json"))
sequences = [sequence for family in families for sequence in family]
model = ChameleonForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).eval()


@torch.inference_mode()
def score(batch):
    tokens = torch.tensor([sequence["prompt"] + sequence["completion"] for sequence in batch])
    count = len(batch[0]["completion"])
    hidden = model.model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state[:, -count:]
    losses = torch.log_softmax(model.lm_head(hidden).float(), -1).gather(2, tokens[:, -count:, None])[..., 0]
    return losses.sum(1).tolist()


times = []
for _ in range(6):
    start = time.perf_counter()
    sums = [x for i in range(0, len(sequences), 8) for x in score(sequences[i:i + 8])]
    times.append(time.perf_counter() - start)
times = sorted(times[1:])
print(json.dumps({"seconds": times[len(times) // 2], "sums": sums,
                  "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))

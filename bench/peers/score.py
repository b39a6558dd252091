"""The peer of `bench score`: transformers on PyTorch; sequences of one length in batches, logits at the completion alone.
Each line read asks to score them all."""

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
first, codes = map(int, sys.argv[3:5]) if len(sys.argv) > 3 else (0, model.lm_head.weight.shape[0])
rows = model.lm_head.weight[first:first + codes]  # all, or those of image tokens


@torch.inference_mode()
def score(batch):
    tokens = torch.tensor([sequence["prompt"] + sequence["completion"] for sequence in batch])
    count = len(batch[0]["completion"])
    hidden = model.model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state[:, -count:]
    losses = torch.log_softmax(torch.nn.functional.linear(hidden, rows).float(), -1).gather(2, tokens[:, -count:, None] - first)[..., 0]
    return losses.sum(1).tolist()


for line in sys.stdin:
    start = time.perf_counter()
    sums = [x for i in range(0, len(sequences), 8) for x in score(sequences[i:i + 8])]
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "sums": sums, "memory": memory}), flush=True)

"""Loads what save_for_python.ts saved with transformers and PEFT, and compares logits and text ids."""

import sys

import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import ChameleonForConditionalGeneration, PreTrainedTokenizerFast

folder = sys.argv[1]
with safe_open(f"{folder}/logits.safetensors", "pt") as f:
    tokens, base, adapted, text = f.get_tensor("tokens").long(), f.get_tensor("base"), f.get_tensor("adapted"), f.metadata()["text"]


def logits(model):
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    with torch.no_grad():
        return inner.lm_head(inner.model(input_ids=tokens).last_hidden_state)


model, info = ChameleonForConditionalGeneration.from_pretrained(f"{folder}/model", output_loading_info=True)
missing = [key for key in info["missing_keys"]]
unexpected = [key for key in info["unexpected_keys"] if ".decoder." not in key]  # transformers has no image decoder
print(f"missing {missing}, unexpected {unexpected}")
print(f"base: largest difference {(logits(model.eval()) - base).abs().max():.2e}")
merged = ChameleonForConditionalGeneration.from_pretrained(f"{folder}/merged").eval()
print(f"merged: largest difference {(logits(merged) - adapted).abs().max():.2e}")
print(f"adapter: largest difference {(logits(PeftModel.from_pretrained(model, f'{folder}/adapter').eval()) - adapted).abs().max():.2e}")
ids = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/model/tokenizer.json").encode(text, add_special_tokens=False)
print(f"text ids {'equal' if ids == tokens[0, -len(ids):].tolist() else 'DIFFER'}")

"""Writes test/parity/reference/bert/: a tiny random BERT as ONNX with a tokenizer and a baseline, and BERTScores of pairs by
bert_score. Run by hand: pip install -r test/parity/requirements.txt; python test/parity/make_bert_score.py"""

import json
import pathlib
import tempfile

import torch
from bert_score import BERTScorer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

OUT = pathlib.Path(__file__).parent / "reference" / "bert"
PAIRS = [("open the door", "open the door"), ("open the door", "close the door"), ("a red circle moves", "the blue square stays"),
         ("move", "move the red circle to the left"), ("open unknownword", "naïve café"), (" door ", "door")]
WORDS = "open close the door a red blue circle square moves move stays to left ##s ##e".split()

OUT.joinpath("onnx").mkdir(parents=True, exist_ok=True)
vocabulary = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS)}
tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
tokenizer.normalizer = normalizers.BertNormalizer()
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
                               mask_token="[MASK]", model_max_length=64)
torch.manual_seed(0)
config = BertConfig(vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                    max_position_embeddings=64, attn_implementation="eager")
model = BertModel(config, add_pooling_layer=False).eval()
with torch.no_grad():
    for p in model.parameters():
        p.add_(torch.randn_like(p) * 0.3)
OUT.joinpath("baseline.tsv").write_text("LAYER,P,R,F\n0,0.0,0.0,0.0\n1,0.1,0.1,0.1\n2,0.25,0.25,0.25\n")


class Last(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


with tempfile.TemporaryDirectory() as folder:
    model.save_pretrained(folder), fast.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        OUT.joinpath(name).write_text(pathlib.Path(folder, name).read_text() + "\n")
    scorer = BERTScorer(model_type=folder, num_layers=2, idf=False, lang="en", rescale_with_baseline=True,
                        baseline_path=str(OUT / "baseline.tsv"))
    _, _, f = scorer.score([p for p, _ in PAIRS], [r for _, r in PAIRS])
ids = torch.tensor([[2, 5, 6, 3]])
torch.onnx.export(Last().eval(), (ids, torch.ones_like(ids)), str(OUT / "onnx" / "model.onnx"), dynamo=False, opset_version=17,
                  input_names=["input_ids", "attention_mask"], output_names=["last_hidden_state"],
                  dynamic_axes={name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask", "last_hidden_state")})
rows = [{"prediction": p, "reference": r, "f": x} for (p, r), x in zip(PAIRS, f.tolist())]
OUT.joinpath("scores.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
print(rows)

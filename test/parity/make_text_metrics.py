"""Writes test/parity/reference/text_metrics.json: ROUGE and BLEU of odd and ordinary pairs, by rouge_score and sacrebleu.
Run by hand: pip install -r test/parity/requirements.txt; python test/parity/make_text_metrics.py"""

import json
import pathlib
import random

import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

ODD = ["", " ", "a", "A!", "open", "Open the door.", "open the door", "don't stop, please!", "3.14 is pi, not 3,14", "x-ray 5-fold 10-9",
       "naïve café", "日本語の文", "emoji 🙂 here", "&quot;quoted&quot; &amp; so", "a/b (c) [d] {e} ~f`", "tab\tand\nline", "the the the the the",
       "put the cup on the table", "put the cup in the table", "the person walks to the left", "the person goes left", "....", "1,000.50",
       "semi;colon: colon", "under_score", "50%", "hyphen-\nated", "<skipped>", "A B C D E F G"]
WORDS = "the a person cup table red blue circle puts moves to left right of , . and opens door 's 2 10".split()

draw = random.Random(0)
pairs = [(p, r) for p in ODD[:15] for r in ODD[:12]]
pairs += [(draw.choice(ODD), draw.choice(ODD)) for _ in range(80)]
pairs += [tuple(" ".join(draw.choices(WORDS, k=draw.randint(1, 14))) for _ in "pr") for _ in range(140)]

scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
rows = []
for prediction, reference in pairs:
    rouge = scorer.score(reference, prediction)
    rows.append({"prediction": prediction, "reference": reference,
                 "rouge": [list(rouge[name]) for name in ("rouge1", "rouge2", "rougeL")],
                 "bleu": sacrebleu.sentence_bleu(prediction, [reference]).score})
corpora = []
for size in (1, 5, 40, len(pairs)):
    chosen = draw.sample(range(len(pairs)), size)
    corpora.append({"rows": chosen, "bleu": sacrebleu.corpus_bleu([pairs[i][0] for i in chosen], [[pairs[i][1] for i in chosen]]).score})
out = pathlib.Path(__file__).parent / "reference" / "text_metrics.json"
out.write_text(json.dumps({"sacrebleu": sacrebleu.__version__, "rows": rows, "corpora": corpora}, ensure_ascii=False, indent=0) + "\n")

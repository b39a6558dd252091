"""Writes test/parity/reference/janus/prompts.json: ids of sentences with pictures as transformers' JanusProcessor lays them, with the
tokenizer of a tiny Janus. Run by hand: python test/parity/make_janus_prompts.py runs/janus/pretrain-tiny/model"""

import json
import pathlib
import sys

import numpy as np
from PIL import Image
from transformers import AutoTokenizer, JanusImageProcessor, JanusProcessor

OUT = pathlib.Path(__file__).parent / "reference" / "janus"
USER, ASSISTANT, PICTURE = "<|User|>: ", "\n\n<|Assistant|>:", "<image_placeholder>"
QUESTION = "What action leads from the first image to the second?"


def main(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = JanusProcessor(JanusImageProcessor.from_pretrained(folder), tokenizer, num_image_tokens=64)
    picture = Image.fromarray(np.zeros((64, 64, 3), np.uint8))

    def ids(text, pictures, mode):
        inputs = processor(text=tokenizer.bos_token + text, images=[picture] * pictures, generation_mode=mode, add_special_tokens=False)
        return np.asarray(inputs["input_ids"]).reshape(-1).tolist()

    recorded = {
        "dynamics": ids(f"{USER}{PICTURE}{PICTURE}{QUESTION}{ASSISTANT}", 2, "text"),
        "world": ids(f"{USER}{PICTURE}open the door{ASSISTANT}", 1, "image"),
        "placeholder": tokenizer.convert_tokens_to_ids(PICTURE),
    }
    (OUT / "prompts.json").write_text(json.dumps(recorded) + "\n")


main(sys.argv[1])

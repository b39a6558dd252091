"""VILA-U (Wu et al. 2024) as a dynamics model: the row VILA-U of Table 1. It asks for the action between two images.

    git clone https://github.com/mit-han-lab/vila-u && cd vila-u && git checkout 096623c && ./environment_setup.sh vila-u
    pip install -r ../baselines/vila_u_actions.txt
    python baselines/vila_u_actions.py --model vila-u-7b-256 --bench test.json --out runs/baselines/vila-u

The paper's row "fine-tuned" is such a model after the checkout's own scripts/train/sft.sh on AURORA's training lists.
"""

import vila_u

import common

QUESTION = "What action leads from the first image to the second?"  # what our dynamics models are asked


def main():
    arguments = common.parser(__doc__)
    arguments.add_argument("--model", required=True, help="a folder with VILA-U's weights")
    arguments.add_argument("--question", default=QUESTION)
    options = arguments.parse_args()
    model = vila_u.load(options.model)
    config = model.default_generation_config
    config.do_sample, config.max_new_tokens = False, 32  # the likeliest token each, as long as our dynamics models may say

    def say(item):
        images = [vila_u.Image(str(path)) for path in (item.source, item.target)]
        return model.generate_content([*images, options.question], config)

    common.predict_actions(options, say)


if __name__ == "__main__":
    main()

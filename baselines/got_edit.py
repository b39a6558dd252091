"""GoT (Fang et al. 2025) on a bench: the row GoT of Tables 2 and 3.

    git clone https://github.com/rongyaofang/GoT
    pip install -r baselines/got_edit.txt
    python baselines/got_edit.py --checkout GoT --bench test.json --out runs/baselines/got

GoT/pretrained holds GoT-6B, Qwen2.5-VL-3B-Instruct and stable-diffusion-xl-base-1.0, as the checkout's README says.
"""

import json
import pathlib
import sys

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from PIL import Image, ImageOps
from transformers import Qwen2_5_VLForConditionalGeneration

import common

TOKENS = 64  # of an image, beside its two ends


def load(checkout):
    """The model, put together from its parts; weights that are missing end the run, as they would be random."""
    sys.path.insert(0, str(checkout))
    from got.models.got_model import GenCot
    from got.models.projector import LinearProjector
    from got.processer.qwen25_vl_processor import get_processor

    weights = checkout / "pretrained"
    processor = get_processor(weights / "Qwen2.5-VL-3B-Instruct", add_gen_token_num=TOKENS)
    mllm = Qwen2_5_VLForConditionalGeneration.from_pretrained(weights / "Qwen2.5-VL-3B-Instruct", torch_dtype=torch.bfloat16)
    mllm.resize_token_embeddings(len(processor.tokenizer))
    first = processor.tokenizer.convert_tokens_to_ids("<|im_gen_0000|>")
    part = lambda kind, name: kind.from_pretrained(weights / "stable-diffusion-xl-base-1.0", subfolder=name)
    model = GenCot(mllm=mllm, processor=processor, num_img_out_tokens=TOKENS, vae=part(AutoencoderKL, "vae"), unet=part(UNet2DConditionModel, "unet"),
                   scheduler=part(DDPMScheduler, "scheduler"), output_projector=LinearProjector(in_hidden_size=2048, out_hidden_size=2048),
                   output_projector_add=LinearProjector(in_hidden_size=2048, out_hidden_size=1280), img_gen_start_id=first)
    index = json.loads((weights / "GoT-6B" / "pytorch_model.bin.index.json").read_text())
    state, loaded = model.state_dict(), set()
    for shard in sorted(set(index["weight_map"].values())):
        part_of_it = torch.load(weights / "GoT-6B" / shard, map_location="cpu", weights_only=True)
        model.load_state_dict(part_of_it, strict=False)
        loaded |= {state[name].data_ptr() for name in part_of_it.keys() & state.keys()}  # tied weights have one name in the file
    missing = [name for name, tensor in state.items() if tensor.data_ptr() not in loaded and not name.startswith("vae.")]
    if missing:
        sys.exit(f"Cannot use GoT-6B: it lacks {len(missing)} weights, the first {missing[0]}")
    return model.to("cuda", torch.bfloat16).eval()


def main():
    arguments = common.parser(__doc__)
    arguments.add_argument("--checkout", required=True, type=lambda path: pathlib.Path(path).absolute(), help="the authors' repository")
    arguments.add_argument("--resolution", type=int, default=1024)
    options = arguments.parse_args()
    model = load(options.checkout)

    @torch.no_grad()
    def draw(item, seed):
        torch.manual_seed(seed)  # of the reasoning, which is sampled; random_seed below is that of the picture's noise
        source = ImageOps.exif_transpose(Image.open(item.source)).convert("RGB")
        drawn = model.generate(text_input=item.action, image=source, prompt_type="edit", max_new_tokens=1024, num_inference_steps=50,
                               guidance_scale=7.5, image_guidance_scale=1.0, cond_image_guidance_scale=4.0,
                               height=options.resolution, width=options.resolution, random_seed=seed)
        if not drawn["images"]:
            raise ValueError("its reasoning ended without a picture")
        return drawn["images"][0]

    common.predict_images(options, draw)


if __name__ == "__main__":
    main()

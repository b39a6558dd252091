"""InstructPix2Pix (Brooks et al. 2023) on a bench: the row PixInstruct of Tables 2 and 3. Its authors' settings are the defaults.

    pip install -r baselines/instruct_pix2pix.txt
    python baselines/instruct_pix2pix.py --bench test.json --out runs/baselines/pix2pix
"""

import math

import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image, ImageOps

import common


def fitted(image, resolution):
    """The longer side about `resolution`, both sides multiples of 64, as the authors' edit_cli.py makes them."""
    width, height = image.size
    factor = resolution / max(width, height)
    factor = math.ceil(min(width, height) * factor / 64) * 64 / min(width, height)
    size = [max(64, int(side * factor // 64) * 64) for side in (width, height)]
    return ImageOps.fit(image, size, method=Image.Resampling.LANCZOS)


def main():
    arguments = common.parser(__doc__)
    arguments.add_argument("--model", default="timbrooks/instruct-pix2pix", help="a folder, or a name on the hub")
    arguments.add_argument("--steps", type=int, default=100)
    arguments.add_argument("--text-guidance", type=float, default=7.5)
    arguments.add_argument("--image-guidance", type=float, default=1.5)
    arguments.add_argument("--resolution", type=int, default=512)
    options = arguments.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.float16 if device == "cuda" else torch.float32
    pipe = StableDiffusionInstructPix2PixPipeline.from_pretrained(options.model, torch_dtype=dtype, safety_checker=None).to(device)
    pipe.set_progress_bar_config(disable=True)

    def draw(item, seed):
        source = ImageOps.exif_transpose(Image.open(item.source)).convert("RGB")
        return pipe(item.action, image=fitted(source, options.resolution), num_inference_steps=options.steps,
                    guidance_scale=options.text_guidance, image_guidance_scale=options.image_guidance,
                    generator=torch.Generator(device).manual_seed(seed)).images[0]

    common.predict_images(options, draw)


if __name__ == "__main__":
    main()

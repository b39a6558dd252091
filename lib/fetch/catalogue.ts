/**
 * What `deno task fetch` knows: models and data sets of the paper (A.8, A.9), where they are, under which licence, and what has to
 * be asked for. Every address and licence stands in the paper's list of licences, in the repository that it names, or on the page
 * that `terms` gives. Lengths and digests come from the owners' lists when it fetches; `about` is for the eye.
 *
 * @module
 */
import type { HubSource } from "./hub.ts";

/** How the archives of a source are unpacked. */
export interface Unpacking {
  /** Where to, from the item's folder. */
  readonly into: string;
  /** Bytes that all files of an archive may have together. */
  readonly most: number;
  /** Patterns of the wanted files. */
  readonly only?: readonly string[];
  /** Folders at the beginning of each path that are left out. */
  readonly strip?: number | "shared" | "all";
}

/** A file at an address of its own. */
export interface FileSource {
  /** What it is. */
  readonly kind: "file";
  /** Its address. */
  readonly url: string;
  /** Where it goes, from the item's folder. */
  readonly path: string;
  /** Its SHA-1 as a blob of git, where it is known. */
  readonly git?: string;
  /** What is done with an archive. */
  readonly unpack?: Unpacking;
}

/** Files of a record of Zenodo's, which states their lengths and MD5. */
export interface ZenodoSource {
  /** What it is. */
  readonly kind: "zenodo";
  /** The record's number. */
  readonly record: number;
  /** Its archives, and what is done with each. */
  readonly archives: Readonly<Record<string, Unpacking>>;
}

/** Archives that a text file lists, an address a line. */
export interface ListSource {
  /** What it is. */
  readonly kind: "list";
  /** The list's address. */
  readonly url: string;
  /** What is done with each archive. */
  readonly unpack: Unpacking;
}

/** A model or a data set. */
export interface Item {
  /** What it is for, in a sentence. */
  readonly about: string;
  /** Where it goes, from `--to`. */
  readonly folder: string;
  /** How much there is to fetch, as said in words; the exact length is asked for before anything is fetched. */
  readonly size: string;
  /** Its licence. */
  readonly licence: string;
  /** The page that states the licence, or on which access is asked for. */
  readonly terms: string;
  /** Whether `--accept` is needed: the terms restrict use, or are the owner's own. */
  readonly accept: boolean;
  /** What is fetched; nothing where the owner gives it on request alone. */
  readonly sources: readonly (HubSource | FileSource | ZenodoSource | ListSource)[];
  /** How to ask for access, or what remains to be done by hand. */
  readonly steps: readonly string[];
  /** The folder or file that is there once the steps are done, from the item's folder; where it is, the steps are not needed. */
  readonly done?: string;
  /** JSON files that are written beside. */
  readonly writes?: Readonly<Record<string, unknown>>;
  /** What is made of it in the end. */
  readonly make?: "something" | "magicbrush";
}

const GB = 1e9;
const AURORA = "https://raw.githubusercontent.com/McGill-NLP/AURORA/aa5778fd2df3bd086a7046b8b331eb2c8a8f45b1";
const KINETICS = "https://s3.amazonaws.com/kinetics/700_2020";
const CHAMELEON_FILES = ["config.json", "generation_config.json", "model*.safetensors", "model.safetensors.index.json", "*token*.json"];
const CHAMELEON_LICENCE = {
  licence: "Chameleon Research License (no commercial use)",
  terms: "https://ai.meta.com/resources/models-and-libraries/chameleon-license",
};
const META_FORM = "https://ai.meta.com/resources/models-and-libraries/chameleon-downloads/";

/** The models. */
const MODELS: Readonly<Record<string, Item>> = {
  "anole-7b": {
    about: "Anole-7B in Hugging Face's layout, with the decoder of images: the base of all models of the paper (A.8)",
    folder: "anole-7b",
    size: "about 14.3 GB",
    ...CHAMELEON_LICENCE,
    accept: true,
    sources: [{ kind: "models", repository: "leloy/Anole-7b-v0.1-hf", files: CHAMELEON_FILES }],
    steps: [
      "The repository is a conversion of GAIR/Anole-7b-v0.1 by a third party, which states Apache-2.0; the weights are under Chameleon's licence.",
    ],
  },
  "anole-7b-gair": {
    about: "Anole-7B as its authors publish it, in Meta's layout (.pth): to be converted",
    folder: "anole-7b-gair",
    size: "about 14 GB",
    ...CHAMELEON_LICENCE,
    accept: true,
    sources: [{
      kind: "models",
      repository: "GAIR/Anole-7b-v0.1",
      files: ["models/7b/*", "tokenizer/*"],
    }],
    steps: [
      "Convert it to Hugging Face's layout, and name the new folder: deno task convert --from=data/anole-7b-gair --to=data/anole-7b-converted; " +
      "then --model.path=data/anole-7b-converted.",
    ],
  },
  "chameleon-7b": {
    about: "Chameleon-7B in Hugging Face's layout; it lacks the decoder of images, so it annotates and scores but draws nothing",
    folder: "chameleon-7b",
    size: "about 14.1 GB",
    ...CHAMELEON_LICENCE,
    accept: true,
    sources: [{ kind: "models", repository: "facebook/chameleon-7b", files: CHAMELEON_FILES }],
    steps: ["Where it asks for a token: accept the terms on huggingface.co/facebook/chameleon-7b and set HF_TOKEN."],
  },
  "chameleon-30b": {
    about: "Chameleon-30B (34B parameters) in Hugging Face's layout; it lacks the decoder of images",
    folder: "chameleon-30b",
    size: "about 70 GB",
    ...CHAMELEON_LICENCE,
    accept: true,
    sources: [{ kind: "models", repository: "facebook/chameleon-30b", files: CHAMELEON_FILES }],
    steps: ["Where it asks for a token: accept the terms on huggingface.co/facebook/chameleon-30b and set HF_TOKEN."],
  },
  "chameleon-meta": {
    about: "Chameleon-7B and 30B from Meta, in Meta's layout (.pth), with the decoder of images (vqgan.ckpt)",
    folder: "chameleon-meta",
    size: "stated in Meta's letter",
    ...CHAMELEON_LICENCE,
    accept: true,
    sources: [],
    steps: [
      `Ask for access on ${META_FORM}: an address that is valid for a while comes by electronic mail.`,
      "Fetch with Meta's own program: python -m chameleon.download_data ADDRESS (github.com/facebookresearch/chameleon).",
      "Put its models/ and tokenizer/ there, and convert them: deno task convert --from=data/chameleon-meta --size=7b --to=data/chameleon-7b-converted.",
    ],
    done: "models",
  },
  clip: {
    about: "CLIP ViT-B/32 for CLIP-I and CLIP-T (--evaluate.clip), as ONNX",
    folder: "clip-vit-base-patch32",
    size: "about 608 MB",
    licence: "MIT (OpenAI's; the conversion states none)",
    terms: "https://github.com/openai/CLIP/blob/main/LICENSE",
    accept: false,
    sources: [{
      kind: "models",
      repository: "Xenova/clip-vit-base-patch32",
      files: ["config.json", "preprocessor_config.json", "tokenizer.json", "onnx/vision_model.onnx", "onnx/text_model.onnx"],
    }],
    steps: [],
  },
  dino: {
    about: "DINO ViT-S/16 for the DINO score (--evaluate.dino), as ONNX, with the framing of MagicBrush's evaluation",
    folder: "dino-vits16",
    size: "about 90 MB",
    licence: "Apache-2.0 (facebook/dino-vits16; the conversion states none)",
    terms: "https://huggingface.co/facebook/dino-vits16",
    accept: false,
    sources: [{ kind: "models", repository: "Xenova/dino-vits16", files: ["config.json", "onnx/model.onnx"] }],
    writes: {
      "preprocessor_config.json": {
        size: { shortest_edge: 256 },
        crop_size: 224,
        resample: 3,
        image_mean: [0.485, 0.456, 0.406],
        image_std: [0.229, 0.224, 0.225],
      },
    },
    steps: [],
  },
  bert: {
    about: "roberta-large for BERTScore (--evaluate.bertModel), with bert_score's baseline",
    folder: "roberta-large",
    size: "about 1.43 GB",
    licence: "MIT",
    terms: "https://huggingface.co/FacebookAI/roberta-large",
    accept: false,
    sources: [
      {
        kind: "models",
        repository: "FacebookAI/roberta-large",
        files: ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"],
      },
      {
        kind: "file",
        url: "https://raw.githubusercontent.com/Tiiiger/bert_score/master/bert_score/rescale_baseline/en/roberta-large.tsv",
        path: "baseline.tsv",
      },
    ],
    steps: [
      "Export layer 17, which bert_score compares, to onnx/model.onnx: python data/export_bert.py data/roberta-large (needs torch, transformers, onnx, onnxscript).",
    ],
    done: "onnx/model.onnx",
  },
  blip: {
    about: "BLIP for the captions of CLIP-T; no task here reads it: captions are a JSON file (--evaluate.captions)",
    folder: "blip-image-captioning-large",
    size: "asked for first",
    licence: "BSD-3-Clause",
    terms: "https://github.com/salesforce/BLIP/blob/main/LICENSE.txt",
    accept: false,
    sources: [{
      kind: "models",
      repository: "Salesforce/blip-image-captioning-large",
      files: ["config.json", "preprocessor_config.json", "model.safetensors", "*token*.json", "vocab.txt"],
    }],
    steps: [
      'Caption the bench\'s targets with transformers, into a JSON file {"TRAJECTORY ID": "caption"}. Which BLIP the paper took is not stated.',
    ],
  },
};

/** The data sets. */
const DATA: Readonly<Record<string, Item>> = {
  aurora: {
    about: "AURORA: lists and pictures of MagicBrush, Action-Genome and Kubric, and AURORA-Bench (test.json)",
    folder: "aurora",
    size: "175 MB, and three archives whose lengths Zenodo states",
    licence: "MIT",
    terms: "https://github.com/McGill-NLP/AURORA/blob/main/LICENSE",
    accept: false,
    sources: [
      {
        kind: "file",
        url: "https://codeload.github.com/McGill-NLP/AURORA/tar.gz/aa5778fd2df3bd086a7046b8b331eb2c8a8f45b1",
        path: "aurora.tar.gz",
        unpack: { into: "", most: 2 * GB, strip: 1 },
      },
      {
        kind: "zenodo",
        record: 11552426,
        archives: {
          "magicbrush_images.zip": { into: "data/magicbrush/images", most: 100 * GB, strip: "shared" },
          "ag_images.zip": { into: "data/ag/images", most: 100 * GB, strip: "shared" },
          "kubric_images.zip": { into: "data/kubric/images", most: 400 * GB, strip: "shared" },
        },
      },
    ],
    steps: ["Something-Something is the one part with a licence of its own: deno task fetch aurora-something."],
  },
  "aurora-something": {
    about: "AURORA's Something-Something part: first and last frames of the videos, by AURORA's list and filter",
    folder: "aurora",
    size: "the list's is asked for first; the videos by hand",
    licence: "Something-Something's own (research)",
    terms: "https://developer.qualcomm.com/software/ai-datasets/something-something",
    accept: true,
    sources: [{
      kind: "file",
      url: `${AURORA}/data/something/train.json`,
      path: "data/something/train.json",
      git: "794a0d590ff52170537de520b5a2235e894e02ed",
    }],
    steps: [
      "Ask for Something-Something v2 on https://developer.qualcomm.com/software/ai-datasets/something-something and fetch its archives.",
      "Join and unpack them (cat 20bn-something-something-v2-?? | tar zx), and put all ID.webm into data/something/videos of this folder.",
      "Then run this again: it takes the frames out and writes data/something/train_filtered.json.",
    ],
    done: "data/something/videos",
    make: "something",
  },
  epic: {
    about: "EPIC-Kitchens-100's annotations of actions (--data.epic); the frames by its own program",
    folder: "epic",
    size: "the annotations' is asked for first; the frames by hand",
    licence: "CC BY-NC 4.0",
    terms: "https://github.com/epic-kitchens/epic-kitchens-100-annotations#license",
    accept: true,
    sources: [{
      kind: "file",
      url: "https://raw.githubusercontent.com/epic-kitchens/epic-kitchens-100-annotations/master/EPIC_100_train.csv",
      path: "EPIC_100_train.csv",
    }],
    steps: [
      "Fetch the frames with EPIC-Kitchens' program (github.com/epic-kitchens/epic-kitchens-download-scripts): python epic_downloader.py --rgb-frames --train --output-path FOLDER.",
      "Unpack each P01/rgb_frames/P01_01.tar into a folder of its own, P01/rgb_frames/P01_01/, and give --data.epicFrames=FOLDER/EPIC-KITCHENS.",
    ],
  },
  "moments-in-time": {
    about: "Moments in Time: videos of three seconds, in folders by class (--annotate.videos)",
    folder: "moments-in-time",
    size: "stated in the owners' letter",
    licence: "BSD-2-Clause, and its own for non-commercial use",
    terms: "http://moments.csail.mit.edu/",
    accept: true,
    sources: [],
    steps: [
      "Fill in the form on http://moments.csail.mit.edu/: the address of the archive comes by electronic mail.",
      "Unpack it there, so that training/CLASS/NAME.mp4 are the videos.",
    ],
    done: "training",
  },
  "ucf-101": {
    about: "UCF-101's training split as parquet, a row a frame (--annotate.videos)",
    folder: "ucf-101",
    size: "about 48 GB in 64 files; --parts=N takes the first N",
    licence: "unknown (paper A.9)",
    terms: "https://huggingface.co/datasets/flwrlabs/ucf101",
    accept: true,
    sources: [{ kind: "datasets", repository: "flwrlabs/ucf101", files: ["data/train-*.parquet"] }],
    steps: [],
  },
  "kinetics-700": {
    about: "Kinetics-700-2020's training clips from CVDF, beside their list (--annotate.videos=…/train.csv)",
    folder: "kinetics-700",
    size: "about 1.2 TB in all; --parts=N takes the first N archives, 10 if it is not given",
    licence: "CC BY 4.0 (the annotations; the videos are their makers')",
    terms: "https://github.com/cvdfoundation/kinetics-dataset",
    accept: true,
    sources: [
      { kind: "file", url: `${KINETICS}/annotations/train.csv`, path: "train.csv" },
      {
        kind: "list",
        url: `${KINETICS}/train/k700_2020_train_path.txt`,
        unpack: { into: "", most: 50 * GB, strip: "all", only: ["*.mp4"] },
      },
    ],
    steps: ["The paper took 18 hours of it (Table 4)."],
  },
  magicbrush: {
    about: "MagicBrush's training set from its authors, as an AURORA list (AURORA holds it too: fetch aurora)",
    folder: "magicbrush",
    size: "asked for first; --parts=N takes the first N files",
    licence: "CC BY 4.0",
    terms: "https://huggingface.co/datasets/osunlp/MagicBrush",
    accept: false,
    sources: [{ kind: "datasets", repository: "osunlp/MagicBrush", files: ["data/train-*.parquet"] }],
    steps: [],
    make: "magicbrush",
  },
};

/** All that can be fetched, by name. */
export const CATALOGUE: Readonly<Record<string, Item>> = { ...MODELS, ...DATA };

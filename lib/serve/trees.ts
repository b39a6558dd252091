/**
 * Trees of actions on the disk: what was imagined from a picture, and from what was imagined. A folder a tree, `tree.jsonl` with a line for
 * each picture that was given and for each question that was answered, and `pictures/ID.png`. Pictures are written before the line that names
 * them, so a tree is whole after a kill at any moment.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { appendLine, diskError, exists, resumeLog, writeFile } from "../files.ts";
import { randomToken } from "../web/mod.ts";
import type { Side } from "./questions.ts";

/** A picture of a tree. */
export interface TreeNode {
  /** Its number in the tree. */
  readonly id: number;
  /** What it was imagined from; null for a picture that was given. */
  readonly parent: number | null;
  /** The action, or what a given picture is called. */
  readonly title: string;
  /** How it was drawn; absent for one that was given. */
  readonly drawn?: DrawnNode;
}

/** How a picture was drawn. */
export interface DrawnNode {
  /** By which world model. */
  readonly side: Side;
  /** The seed. */
  readonly seed: number;
  /** Which of the candidates it is. */
  readonly candidate: number;
  /** Log-likelihood of the action by the dynamics model, the mean of its tokens. */
  readonly logLikelihood: number;
  /** Its tokens. */
  readonly codes: readonly number[];
  /** Squared distances of features from the source's, by place. */
  readonly distances: readonly number[];
}

/** A picture that comes to a tree: all of a node but its number, and its file. */
export interface Growing extends Omit<TreeNode, "id"> {
  /** Its PNG. */
  readonly png: Uint8Array;
}

/** All trees of a run. */
export interface Trees {
  /** Begins a tree: its name is its secret. */
  create(): string;
  /** Whether there is such a tree. */
  has(tree: string): boolean;
  /** A tree's pictures, in the order in which they came. */
  nodes(tree: string): readonly TreeNode[];
  /** Adds pictures, all of them or none; gives their nodes. */
  grow(tree: string, pictures: readonly Growing[]): readonly TreeNode[];
  /** The file of a picture. */
  picturePath(tree: string, id: number): string;
  /** The folder of what is made of a tree. */
  exportsFolder(tree: string): string;
  /** How many there are. */
  count(): number;
}

/**
 * Opens the trees of a folder, in which nobody else may write: those in use are kept in memory.
 *
 * @param folder the run's
 * @returns its trees
 * @throws UserError naming the folder when the disk refuses
 */
export function openTrees(folder: string): Trees {
  const root = `${folder}/trees`;
  const memory = openMemory();
  let count = countIn(root);
  const folderOf = (tree: string) => {
    if (!/^[0-9a-f]{32}$/.test(tree)) throw new UserError(`Cannot use ${quoted(tree)} as a tree's name: 32 hexadecimal digits are wanted`);
    return `${root}/${tree}`;
  };
  const nodes = (tree: string) =>
    memory.keep(tree, memory.get(tree) ?? resumeLog<readonly TreeNode[]>(`${folderOf(tree)}/tree.jsonl`).flat());
  const picturePath = (tree: string, id: number) => `${folderOf(tree)}/pictures/${Math.trunc(id)}.png`;
  return {
    create() {
      const tree = randomToken();
      Deno.mkdirSync(folderOf(tree));
      count++;
      return tree;
    },
    has: (tree) => exists(folderOf(tree)),
    nodes,
    grow(tree, pictures) {
      const before = nodes(tree);
      const added = pictures.map(({ png: _, ...node }, i): TreeNode => ({ id: before.length + i, ...node }));
      const line = JSON.stringify(added);
      memory.drop(tree); // a disk that fails may keep half a line, which is taken off when the tree is read
      pictures.forEach(({ png }, i) => writeFile(picturePath(tree, before.length + i), png));
      appendLine(`${folderOf(tree)}/tree.jsonl`, line);
      memory.keep(tree, [...before, ...JSON.parse(line) as TreeNode[]]);
      return added;
    },
    picturePath,
    exportsFolder: (tree) => `${folderOf(tree)}/exports`,
    count: () => count,
  };
}

const MOST_KEPT = 4000; // nodes of all trees together: ten full ones, 64 MB where a picture has 1,024 tokens

/** Nodes of the trees that were used last. A full tree takes 50 ms to parse, and every picture of it is a request. */
function openMemory() {
  const kept = new Map<string, readonly TreeNode[]>(); // in the order of their last use
  let count = 0;
  const drop = (tree: string) => {
    count -= kept.get(tree)?.length ?? 0;
    kept.delete(tree);
  };
  return {
    get: (tree: string) => kept.get(tree),
    drop,
    keep(tree: string, nodes: readonly TreeNode[]): readonly TreeNode[] {
      drop(tree);
      kept.set(tree, nodes);
      count += nodes.length;
      for (const other of kept.keys()) if (count > MOST_KEPT && other !== tree) drop(other);
      return nodes;
    },
  };
}

/** How many trees there are; their folder is made. */
function countIn(root: string): number {
  try {
    Deno.mkdirSync(root, { recursive: true });
    return [...Deno.readDirSync(root)].length;
  } catch (error) {
    throw diskError(`open ${root}`, error);
  }
}

/**
 * The way to a picture: from the given one that it goes back to, picture by picture.
 *
 * @param nodes of a tree
 * @param id the picture's
 * @returns nodes, the given one first; none when there is no such picture
 */
export function pathTo(nodes: readonly TreeNode[], id: number): TreeNode[] {
  const path: TreeNode[] = [];
  for (let node = nodes[id]; node; node = node.parent === null ? undefined : nodes[node.parent]) path.unshift(node);
  return path;
}

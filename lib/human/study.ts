/**
 * The store of a blind evaluation by people (paper §4.3, A.9): SQLite, one file. Nothing is kept of a participant but a random
 * code and the votes; an answer is on disk before it is acknowledged; several servers may share the file.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { permutation, randomStream } from "../engine/random.ts";
import { randomToken } from "../web/mod.ts";

/** What is voted on. */
export interface StudyItem {
  /** The trajectory. */
  readonly id: string;
  /** Where it is from. */
  readonly subset: string;
  /** What was asked. */
  readonly action: string;
}

/** What a study is made of. */
export interface StudyOptions {
  /** Names of the systems that are compared; two at least. */
  readonly systems: readonly string[];
  /** Items that every system has a picture for. */
  readonly items: readonly StudyItem[];
  /** The invites' secrets, one for each participant: 32 hexadecimal digits. The file keeps only their hashes. */
  readonly invites: readonly string[];
  /** Items of each subset that a participant sees. */
  readonly perSubset: number;
  /** Seeds the orders. */
  readonly seed: number;
  /** A digest of the pictures that are shown: votes on others are votes of another study. */
  readonly pictures: string;
}

/** What a participant sees next. */
export type Screen =
  | { readonly screen: "welcome"; readonly total: number }
  | {
    readonly screen: "item";
    /** From 1. */
    readonly number: number;
    /** Items of this participant. */
    readonly total: number;
    /** The item's token, for this participant alone. */
    readonly item: string;
    /** What was asked. */
    readonly action: string;
    /** The source picture's token. */
    readonly source: string;
    /** The predictions' tokens, in a blinded order. */
    readonly choices: readonly string[];
  }
  | { readonly screen: "done"; readonly total: number; readonly completion: string };

/** A vote as the page sends it, in tokens. */
export interface VoteRequest {
  /** The item. */
  readonly item: string;
  /** The best picture. */
  readonly best: string;
  /** The worst one. */
  readonly worst: string;
}

/** What became of a vote: stored now, stored before, or why not. */
export type VoteOutcome = "stored" | "stored before" | "unknown item" | "not shown" | "same picture twice" | "answered otherwise";

/** A stored vote. */
export interface Vote {
  /** The participant's code. */
  readonly participant: string;
  /** The trajectory. */
  readonly trajectory: string;
  /** Where it is from. */
  readonly subset: string;
  /** The best system. */
  readonly best: string;
  /** The worst one. */
  readonly worst: string;
}

const SCHEMA = `
CREATE TABLE study (digest TEXT NOT NULL, systems TEXT NOT NULL, per_subset INTEGER NOT NULL, seed INTEGER NOT NULL) STRICT;
CREATE TABLE item (id INTEGER PRIMARY KEY, trajectory TEXT NOT NULL UNIQUE, subset TEXT NOT NULL, action TEXT NOT NULL) STRICT;
CREATE TABLE invite (hash TEXT PRIMARY KEY, participant TEXT UNIQUE) STRICT;
CREATE TABLE participant (code TEXT PRIMARY KEY, completion TEXT NOT NULL) STRICT;
CREATE TABLE assignment (token TEXT PRIMARY KEY, participant TEXT NOT NULL, position INTEGER NOT NULL, item INTEGER NOT NULL,
  UNIQUE (participant, item)) STRICT;
CREATE INDEX assigned ON assignment (item);
CREATE TABLE picture (token TEXT PRIMARY KEY, assignment TEXT NOT NULL, place INTEGER NOT NULL, system TEXT NOT NULL) STRICT;
CREATE INDEX shown ON picture (assignment);
CREATE TABLE vote (participant TEXT NOT NULL, item INTEGER NOT NULL, best TEXT NOT NULL, worst TEXT NOT NULL,
  PRIMARY KEY (participant, item)) STRICT;`;

/** The name under which the source picture is kept beside the systems. */
export const SOURCE_PICTURE = "";

/**
 * Opens a study's file.
 *
 * @param path the file
 * @returns the study; close it
 * @throws UserError when the file cannot be opened, is no database, or holds no study: a start on a full disk leaves an empty file
 */
export function openStudy(path: string): DatabaseSync {
  const study = openFile(path);
  if (hasBegun(study)) return study;
  study.close();
  throw new UserError(`Cannot use ${path}: it holds no study yet; run human-eval serve first`);
}

/** WAL lets several servers read and write; FULL puts a vote on disk before it is acknowledged. */
function openFile(path: string): DatabaseSync {
  let study: DatabaseSync | undefined;
  try {
    study = new DatabaseSync(path);
    study.exec("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    return study;
  } catch (error) {
    study?.close();
    throw fileError(path, error);
  }
}

/** SQLite says neither which file it was nor what to do. */
function fileError(path: string, error: unknown): UserError {
  const { message } = error as Error;
  return new UserError(
    `Cannot use ${path} as a study's file (${message}): free some space or mend the disk, or give another --run=DIR if it is none`,
    { cause: error },
  );
}

function hasBegun(study: DatabaseSync): boolean {
  return study.prepare("SELECT 1 FROM sqlite_master WHERE name = 'study'").get() !== undefined;
}

/**
 * Creates a study, or opens one of the same systems, items and pictures; invites that are new to it are added. One that was begun when
 * studies did not know their pictures takes those of now for its own.
 *
 * @param path its file
 * @param options systems, items, invites
 * @throws UserError when the file cannot be written or belongs to another study, or there is too little to compare
 */
export function createStudy(path: string, { systems, items, invites, perSubset, seed, pictures }: StudyOptions): DatabaseSync {
  if (systems.length < 2) throw new UserError("Cannot compare fewer than two systems: give --systems=DIR,DIR");
  if (items.length === 0) throw new UserError("Cannot begin a study: no trajectory has a picture of every system");
  const unseen = hash(JSON.stringify({ systems, items, perSubset, seed }));
  const digest = hash(`${unseen} ${pictures}`);
  const study = openFile(path);
  try {
    transact(study, () => {
      if (!hasBegun(study)) beginStudy(study, { systems, items, perSubset, seed, digest });
      if (takePictures(study, unseen, digest)) {
        console.warn(`${path} did not know its pictures yet: from now on it goes on with these alone`);
      }
      if (study.prepare("SELECT digest FROM study").get()!["digest"] !== digest) {
        throw new UserError(`Cannot go on with ${path}: it holds a study of other systems, items or pictures; give another --run=DIR`);
      }
      for (const secret of invites) study.prepare("INSERT OR IGNORE INTO invite VALUES (?, NULL)").run(hash(secret));
    });
    return study;
  } catch (error) {
    study.close();
    throw error instanceof UserError ? error : fileError(path, error);
  }
}

/** Lets a study that does not know its pictures know them; whether it did not. */
function takePictures(study: DatabaseSync, unseen: string, digest: string): boolean {
  return study.prepare("UPDATE study SET digest = ? WHERE digest = ?").run(digest, unseen).changes > 0;
}

function beginStudy(
  study: DatabaseSync,
  { systems, items, perSubset, seed, digest }: Omit<StudyOptions, "invites" | "pictures"> & { readonly digest: string },
): void {
  study.exec(SCHEMA);
  study.prepare("INSERT INTO study VALUES (?, ?, ?, ?)").run(digest, JSON.stringify(systems), perSubset, seed);
  const insert = study.prepare("INSERT INTO item (trajectory, subset, action) VALUES (?, ?, ?)");
  for (const { id, subset, action } of items) insert.run(id, subset, action);
}

/** The participant of an invite; null when the link was not used yet, undefined when there is no such invite. */
export function participantOf(study: DatabaseSync, secret: string): string | null | undefined {
  const invite = study.prepare("SELECT participant FROM invite WHERE hash = ?").get(hash(secret));
  return invite === undefined ? undefined : invite["participant"] as string | null;
}

/** Gives an invite its participant and items: those that the fewest have, five of each subset, every order of its own. */
export function joinStudy(study: DatabaseSync, secret: string): string {
  return transact(study, () => {
    const before = participantOf(study, secret);
    if (before) return before;
    const code = randomToken();
    study.prepare("INSERT INTO participant VALUES (?, ?)").run(code, randomToken().slice(0, 8));
    study.prepare("UPDATE invite SET participant = ? WHERE hash = ?").run(code, hash(secret));
    const { systems, per_subset: perSubset, seed } = study.prepare("SELECT * FROM study").get() as unknown as StudyRow;
    const items = study.prepare("SELECT id, subset, (SELECT count(*) FROM assignment WHERE item = id) AS raters FROM item").all();
    const chosen = chooseItems(items as unknown as ItemRow[], perSubset, seed);
    shuffle(chosen, `order ${code}`).forEach((item, position) =>
      assign(study, item, { code, position, systems: JSON.parse(systems), seed })
    );
    return code;
  });
}

interface StudyRow {
  readonly systems: string;
  readonly per_subset: number;
  readonly seed: number;
}

interface ItemRow {
  readonly id: number;
  readonly subset: string;
  readonly raters: number;
}

/** So many of each subset, those with the fewest raters first; so no two items of a subset differ by more than one rater. */
function chooseItems(items: readonly ItemRow[], perSubset: number, seed: number): ItemRow[] {
  return [...Map.groupBy(shuffle(items, `items ${seed}`), ({ subset }) => subset).values()]
    .flatMap((own) => own.toSorted((a, b) => a.raters - b.raters).slice(0, perSubset));
}

/** The k-th rater of an item sees its systems turned by k places, so each stands in each place equally often. */
function assign(
  study: DatabaseSync,
  { id, raters }: ItemRow,
  { code, position, systems, seed }: {
    readonly code: string;
    readonly position: number;
    readonly systems: string[];
    readonly seed: number;
  },
): void {
  const token = randomToken();
  study.prepare("INSERT INTO assignment VALUES (?, ?, ?, ?)").run(token, code, position, id);
  const order = shuffle(systems, `systems ${seed} ${id}`);
  const shown = [SOURCE_PICTURE, ...order.map((_, place) => order[(place + raters) % order.length]!)];
  const insert = study.prepare("INSERT INTO picture VALUES (?, ?, ?, ?)");
  shown.forEach((system, place) => insert.run(randomToken(), token, place, system));
}

/** What a participant sees next: the first item without a vote, or the completion code when every item has one. */
export function screenOf(study: DatabaseSync, participant: string | null): Screen {
  if (participant === null) return { screen: "welcome", total: itemsEach(study) };
  const count = (table: string) => Number(study.prepare(`SELECT count(*) AS n FROM ${table} WHERE participant = ?`).get(participant)!["n"]);
  const total = count("assignment");
  const next = study.prepare(`SELECT token, action, item FROM assignment JOIN item ON item.id = item
    WHERE participant = ?1 AND item NOT IN (SELECT item FROM vote WHERE participant = ?1) ORDER BY position LIMIT 1`).get(participant);
  if (next === undefined) {
    const { completion } = study.prepare("SELECT completion FROM participant WHERE code = ?").get(participant)!;
    return { screen: "done", total, completion: `${completion}` };
  }
  const pictures = study.prepare("SELECT token FROM picture WHERE assignment = ? ORDER BY place").all(next["token"]!);
  const [source, ...choices] = pictures.map(({ token }) => `${token}`);
  return {
    ...{ screen: "item", number: count("vote") + 1, total, item: `${next["token"]}`, action: `${next["action"]}` },
    ...{ source: source!, choices },
  };
}

function itemsEach(study: DatabaseSync): number {
  const { per_subset: perSubset } = study.prepare("SELECT per_subset FROM study").get() as unknown as StudyRow;
  return study.prepare("SELECT count(*) AS n FROM item GROUP BY subset").all().reduce(
    (sum, { n }) => sum + Math.min(perSubset, Number(n)),
    0,
  );
}

/** Stores a vote. When it returns "stored" the vote is on disk. */
export function storeVote(study: DatabaseSync, participant: string, { item, best, worst }: VoteRequest): VoteOutcome {
  return transact(study, () => {
    const assigned = study.prepare("SELECT item FROM assignment WHERE token = ? AND participant = ?").get(item, participant);
    if (assigned === undefined) return "unknown item";
    const shown = study.prepare("SELECT system FROM picture WHERE token = ? AND assignment = ? AND place > 0");
    const [first, last] = [best, worst].map((token) => shown.get(token, item)?.["system"]);
    if (first === undefined || last === undefined) return "not shown";
    if (best === worst) return "same picture twice";
    const before = study.prepare("SELECT best, worst FROM vote WHERE participant = ? AND item = ?").get(participant, assigned["item"]!);
    if (before) return before["best"] === first && before["worst"] === last ? "stored before" : "answered otherwise";
    study.prepare("INSERT INTO vote VALUES (?, ?, ?, ?)").run(participant, assigned["item"]!, first, last);
    return "stored";
  });
}

/** The trajectory and the system of a picture's token; undefined when there is none. */
export function pictureOf(study: DatabaseSync, token: string): { readonly trajectory: string; readonly system: string } | undefined {
  return study.prepare(`SELECT trajectory, system FROM picture JOIN assignment ON assignment.token = assignment
    JOIN item ON item.id = item WHERE picture.token = ?`).get(token) as { trajectory: string; system: string } | undefined;
}

/** All votes, in no order that tells when they were given. */
export function readVotes(study: DatabaseSync): Vote[] {
  return study.prepare(`SELECT participant, trajectory, subset, best, worst FROM vote JOIN item ON item.id = item
    ORDER BY participant, trajectory`).all() as unknown as Vote[];
}

/** The systems of a study. */
export function studySystems(study: DatabaseSync): string[] {
  return JSON.parse(`${study.prepare("SELECT systems FROM study").get()!["systems"]}`);
}

function transact<T>(study: DatabaseSync, body: () => T): T {
  study.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    study.exec("COMMIT");
    return result;
  } catch (error) {
    if (study.isTransaction) study.exec("ROLLBACK"); // a full disk has rolled it back already
    throw error;
  }
}

function shuffle<T>(list: readonly T[], seed: string): T[] {
  return permutation(randomStream("study", seed), list.length).map((i) => list[i]!);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

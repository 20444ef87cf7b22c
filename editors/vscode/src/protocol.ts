// The server's own methods, as docs/protocol.md describes them; only what this client uses.
import { Range } from "vscode-languageclient/node";

export interface Hit {
  uri: string;
  range: Range;
  selectionRange: Range;
  name: string;
  kind: string;
  language: string;
  containerName?: string;
  score: number;
  probability: number;
  preview: string;
  reasons: { signal: string; detail: string }[];
  level?: string;
}

export interface Answer {
  hits: Hit[];
  copies?: Hit[];
  origin?: string;
  message?: string;
}

/** The table's answer, which comes while the chosen model still thinks. */
export interface SearchStream {
  token: string;
  result: Answer;
}

export interface DuplicatesAnswer {
  groups: { level: string; lines: number; members: Hit[] }[];
  total: number;
  units: number;
  message?: string;
}

export interface Coverage {
  units: number;
  lexical: number;
  static: number;
  model: number;
}

export interface FolderStatus {
  uri: string;
  phase: string;
  filesTotal: number;
  filesDone: number;
  coverage: Coverage;
  problemCounts: Record<string, number>;
  message: string;
}

export interface ServerStatus {
  version: string;
  folders: FolderStatus[];
  model?: { name: string; phase: string; message: string };
}

export const SEARCH = "oasis/search";
export const SEARCH_STREAM = "oasis/searchStream";
export const SIMILAR = "oasis/similar";
export const DUPLICATES = "oasis/duplicates";
export const STATUS = "oasis/status";
export const STATUS_CHANGED = "oasis/statusChanged";

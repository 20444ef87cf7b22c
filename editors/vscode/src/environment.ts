// Where the server comes from: a setting, the workspace's interpreter, PATH, or a private environment that the
// user agreed to. Nothing is installed without being asked for.
import { execFile, spawn } from "node:child_process";
import { access, mkdir, rename, rm, writeFile } from "node:fs/promises";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";

const run = promisify(execFile);
/** What `oasis --version` prints; another program of this name prints something else. */
const VERSION = /^oasis (\d+)\.(\d+)/;
/** The oldest server that has what this extension asks for. */
const OLDEST: [number, number] = [0, 1];
const PROBE_TIMEOUT_MS = 20_000;
const IS_WINDOWS = process.platform === "win32";

export interface Server {
  command: string;
  args: string[];
  /** Where it was found, for a person. */
  origin: string;
}

export interface Found {
  server?: Server;
  /** What was found and cannot be used, for a person. */
  refused: string[];
}

export async function findServer(context: vscode.ExtensionContext): Promise<Found> {
  const configured = vscode.workspace.getConfiguration("oasis").get<string[]>("server.command", []);
  const [command, ...args] = configured;
  if (command) {
    // Said by the user: used as it is, so that a mistake in it is told and not worked around.
    return { server: { command, args, origin: "the setting oasis.server.command" }, refused: [] };
  }
  const refused: string[] = [];
  for (const [candidate, origin] of await candidates(context)) {
    if (await exists(candidate)) {
      const reason = await whyNot(candidate);
      if (reason === undefined) {
        return { server: { command: candidate, args: ["serve"], origin }, refused };
      }
      refused.push(`${candidate} (${reason})`);
    }
  }
  return { refused };
}

async function candidates(context: vscode.ExtensionContext): Promise<[string, string][]> {
  const found: [string, string][] = [];
  if (vscode.workspace.isTrusted) {
    const interpreter = await activeInterpreter();
    if (interpreter) {
      found.push([beside(interpreter), "the selected Python interpreter"]);
    }
    for (const folder of vscode.workspace.workspaceFolders ?? []) {
      if (folder.uri.scheme === "file") {
        found.push([script(path.join(folder.uri.fsPath, ".venv")), "the workspace's .venv"]);
      }
    }
  }
  for (const folder of (process.env["PATH"] ?? "").split(path.delimiter).filter(path.isAbsolute)) {
    found.push([path.join(folder, IS_WINDOWS ? "oasis.exe" : "oasis"), "PATH"]);
  }
  if (await exists(completed(context))) {
    found.push([script(privateEnvironment(context)), "the private environment"]);
  }
  return found;
}

async function activeInterpreter(): Promise<string | undefined> {
  const python = vscode.extensions.getExtension("ms-python.python");
  try {
    const api = python?.isActive ? python.exports : await python?.activate();
    const environment = api?.environments?.getActiveEnvironmentPath?.();
    const resolved = environment && (await api.environments.resolveEnvironment(environment));
    return resolved?.executable?.uri?.fsPath;
  } catch {
    return undefined; // another extension's trouble is not ours
  }
}

/** Why a program cannot be the server; undefined when it can. */
async function whyNot(command: string): Promise<string | undefined> {
  let said: string;
  try {
    said = (await run(command, ["--version"], { timeout: PROBE_TIMEOUT_MS })).stdout.trim();
  } catch {
    return "it does not answer --version";
  }
  const [, major, minor] = VERSION.exec(said) ?? [];
  if (major === undefined || minor === undefined) {
    return "another program of this name";
  }
  const isOld = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
  return isOld ? `version ${major}.${minor}, older than ${OLDEST.join(".")}` : undefined;
}

/** Makes or remakes the private environment; true when it works. */
export async function makeEnvironment(context: vscode.ExtensionContext, log: vscode.OutputChannel): Promise<boolean> {
  const folder = privateEnvironment(context);
  const wanted = vscode.workspace.getConfiguration("oasis").get<string>("server.package", "oasis-code-search");
  const python = (await activeInterpreter()) ?? (IS_WINDOWS ? "python" : "python3");
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: "OASIS", cancellable: true },
    async (progress, token) => {
      try {
        await putAside(context);
        progress.report({ message: "making a Python environment..." });
        await logged(python, ["-m", "venv", folder], log, token);
        progress.report({ message: `installing ${wanted}...` });
        const own = path.join(folder, IS_WINDOWS ? "Scripts/python.exe" : "bin/python");
        await logged(own, ["-m", "pip", "install", "--disable-pip-version-check", wanted], log, token);
        const reason = await whyNot(script(folder));
        if (reason !== undefined) {
          throw new Error(`The installed server cannot be used: ${reason}.`);
        }
        await writeFile(completed(context), "");
        await removed(before(context)).catch((error) => log.appendLine(String(error)));
        return true;
      } catch (error) {
        await bringBack(context);
        if (!token.isCancellationRequested) {
          log.appendLine(String(error));
          const choice = await vscode.window.showErrorMessage(
            `The private environment could not be made: ${error instanceof Error ? error.message : error}`,
            "Show Log",
          );
          if (choice) {
            log.show();
          }
        }
        return false;
      }
    },
  );
}

export async function removeEnvironment(context: vscode.ExtensionContext): Promise<void> {
  await removed(privateEnvironment(context));
  await removed(before(context));
}

/** Makes room for a new environment. One that works is kept: without a network no other could be made. */
async function putAside(context: vscode.ExtensionContext): Promise<void> {
  const folder = privateEnvironment(context);
  if (await exists(completed(context))) {
    await removed(before(context));
    await rename(folder, before(context)); // and back, as an environment works in its own place alone
  } else {
    await removed(folder);
    await mkdir(path.dirname(folder), { recursive: true });
  }
}

/** Removes what is not complete, and has again what was there before. */
async function bringBack(context: vscode.ExtensionContext): Promise<void> {
  if (await exists(completed(context))) {
    return;
  }
  await removed(privateEnvironment(context));
  if (await exists(before(context))) {
    await rename(before(context), privateEnvironment(context));
  }
}

function removed(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}

function logged(
  command: string, args: string[], log: vscode.OutputChannel, token: vscode.CancellationToken,
): Promise<void> {
  log.appendLine(`> ${command} ${args.join(" ")}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    const cancelling = token.onCancellationRequested(() => child.kill());
    child.stdout.on("data", (text) => log.append(String(text)));
    child.stderr.on("data", (text) => log.append(String(text)));
    child.on("error", reject);
    child.on("close", (code) => {
      cancelling.dispose();
      code === 0 ? resolve() : reject(new Error(`${path.basename(command)} ended with code ${code}; see the log.`));
    });
  });
}

function privateEnvironment(context: vscode.ExtensionContext): string {
  return path.join(context.globalStorageUri.fsPath, "environment");
}

/** Where the last environment lies while another one is made. */
function before(context: vscode.ExtensionContext): string {
  return `${privateEnvironment(context)}-before`;
}

function completed(context: vscode.ExtensionContext): string {
  return path.join(privateEnvironment(context), "complete");
}

function script(environment: string): string {
  return path.join(environment, IS_WINDOWS ? "Scripts/oasis.exe" : "bin/oasis");
}

function beside(interpreter: string): string {
  return path.join(path.dirname(interpreter), IS_WINDOWS ? "oasis.exe" : "oasis");
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}

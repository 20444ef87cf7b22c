// What somebody set for the server, in any of the places where VS Code keeps settings, and nothing else: a
// default that was sent would outweigh the user's own settings.toml.
import * as vscode from "vscode";

export const SECTION = "oasis";
/** Sections of our settings that are the editor's business, not the server's. */
const OWN_SECTIONS = ["server", "trace"];

type Tree = Record<string, unknown>;

export function settingsThatAreSet(scope?: vscode.Uri): Tree {
  const configuration = vscode.workspace.getConfiguration(SECTION, scope);
  const all = JSON.parse(JSON.stringify(configuration)) as Tree;
  for (const section of OWN_SECTIONS) {
    delete all[section];
  }
  return setIn(all, "", configuration);
}

function setIn(values: Tree, prefix: string, configuration: vscode.WorkspaceConfiguration): Tree {
  const found: Tree = {};
  for (const [name, value] of Object.entries(values)) {
    const key = prefix + name;
    if (isTree(value)) {
      const inner = setIn(value, `${key}.`, configuration);
      if (Object.keys(inner).length) {
        found[name] = inner;
      }
    } else if (isSet(configuration.inspect(key))) {
      found[name] = value;
    }
  }
  return found;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSet(places: ReturnType<vscode.WorkspaceConfiguration["inspect"]>): boolean {
  return [places?.globalValue, places?.workspaceValue, places?.workspaceFolderValue].some((value) => value !== undefined);
}

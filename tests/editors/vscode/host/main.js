// Runs inside the extension host, beside our extension, and sees what only the API shows. One result a check
// goes to host-results.json in the workspace, the last line when all are done.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");

const ID = "oasis-code-search.oasis-code-search";
const checks = {
  async "the extension is active and has told of every command that it contributes"() {
    const extension = vscode.extensions.getExtension(ID);
    assert.ok(extension, `${ID} is not installed`);
    await until(() => extension.isActive);
    const known = new Set(await vscode.commands.getCommands(true));
    for (const { command } of extension.packageJSON.contributes.commands) {
      assert.ok(known.has(command), `${command} is not registered`);
    }
    assert.ok(known.has("oasis.ui.open"));
  },

  async "it runs where the files are and knows what it cannot do"() {
    const { packageJSON } = vscode.extensions.getExtension(ID);
    assert.deepEqual(packageJSON.extensionKind, ["workspace"]);
    assert.equal(packageJSON.capabilities.virtualWorkspaces.supported, false);
    assert.equal(packageJSON.capabilities.untrustedWorkspaces.supported, "limited");
  },

  async "every setting has its declared default"() {
    const { properties } = vscode.extensions.getExtension(ID).packageJSON.contributes.configuration;
    for (const [name, property] of Object.entries(properties)) {
      assert.deepEqual(vscode.workspace.getConfiguration().inspect(name)?.defaultValue, property.default, name);
    }
    assert.equal(vscode.workspace.getConfiguration("oasis").get("search.model"), "static");
    assert.equal(vscode.workspace.getConfiguration("oasis").get("editor.lenses"), false);
  },

  async "symbols of the workspace come from the server once it runs"() {
    void vscode.commands.executeCommand("oasis.ui.restart"); // a command is consent
    await until(async () => {
      const found = await vscode.commands.executeCommand("vscode.executeWorkspaceSymbolProvider", "call_with_backoff");
      return found?.some((symbol) => symbol.name.includes("call_with_backoff"));
    });
  },

  async "code actions of a selection offer similar code and a search"() {
    const document = await open("net/retry.py");
    const selection = new vscode.Range(5, 0, 15, 0);
    const actions = await vscode.commands.executeCommand("vscode.executeCodeActionProvider", document.uri, selection);
    const titles = actions.map((action) => action.title);
    assert.ok(titles.some((title) => /similar/i.test(title)), String(titles));
    assert.ok(titles.some((title) => /search/i.test(title)), String(titles));
  },

  async "an edit that is not saved is found, and settings count without a restart"() {
    const document = await open("billing/invoice.py");
    const edit = new vscode.WorkspaceEdit();
    edit.insert(document.uri, new vscode.Position(0, 0), "def freight_of_parcels(weights):\n    return sum(weights)\n\n\n");
    assert.ok(await vscode.workspace.applyEdit(edit));
    assert.ok(document.isDirty);
    await until(async () => {
      const found = await vscode.commands.executeCommand("vscode.executeWorkspaceSymbolProvider", "freight_of_parcels");
      return found?.some((symbol) => symbol.name.includes("freight_of_parcels"));
    });
    await vscode.workspace.getConfiguration("oasis").update("editor.lenses", true, vscode.ConfigurationTarget.Workspace);
    const retry = await open("net/retry.py");
    await until(async () => {
      const lenses = await vscode.commands.executeCommand("vscode.executeCodeLensProvider", retry.uri, 10);
      return lenses?.some((lens) => /similar/.test(lens.command?.title ?? ""));
    });
  },

  async "pause, resume and a model are taken while it runs"() {
    await vscode.commands.executeCommand("oasis.ui.pause");
    await vscode.commands.executeCommand("oasis.ui.resume");
    await vscode.commands.executeCommand("oasis.ui.reindex");
    await until(async () => {
      const found = await vscode.commands.executeCommand("vscode.executeWorkspaceSymbolProvider", "haversine");
      return found?.some((symbol) => symbol.name.includes("haversine"));
    });
  },

  async "stopping leaves this workspace alone"() {
    await vscode.commands.executeCommand("oasis.ui.stop");
    const found = await vscode.commands.executeCommand("vscode.executeWorkspaceSymbolProvider", "haversine");
    assert.equal(found?.some((symbol) => symbol.name.includes("haversine")) ?? false, false);
  },
};

async function open(relative) {
  const [folder] = vscode.workspace.workspaceFolders;
  const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder.uri, relative));
  await vscode.window.showTextDocument(document);
  return document;
}

async function until(condition, timeout = 60_000) {
  const end = Date.now() + timeout;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `not so within ${timeout / 1000} s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function activate() {
  const results = {};
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      results[name] = "passed";
    } catch (error) {
      results[name] = String(error?.stack ?? error);
    }
  }
  const [folder] = vscode.workspace.workspaceFolders;
  const file = path.join(folder.uri.fsPath, "..", "host-results.json");
  fs.writeFileSync(`${file}.part`, JSON.stringify(results));
  fs.renameSync(`${file}.part`, file);
}

module.exports = { activate: () => void activate(), checks };
